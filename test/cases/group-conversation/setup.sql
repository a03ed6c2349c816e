INSERT INTO {message_conversation_members} (conversationid, userid, timecreated) VALUES (1, 17, 1756706400);

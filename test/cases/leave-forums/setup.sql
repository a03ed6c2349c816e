INSERT INTO {forum} (id, course, name) VALUES (20, 4, 'Ailleurs');
INSERT INTO {forum_subscriptions} (userid, forum) VALUES (16, 1), (16, 20);
INSERT INTO {forum_digests} (userid, forum, maildigest) VALUES (16, 1, 1), (16, 20, 1), (15, 1, 1);
INSERT INTO {forum_track_prefs} (userid, forumid) VALUES (16, 2), (16, 20), (15, 2);
INSERT INTO {forum_read} (userid, forumid, discussionid, postid) VALUES (16, 1, 1, 1), (16, 2, 2, 2), (16, 20, 3, 3), (15, 1, 1, 1);

INSERT INTO {groups_members} (groupid, userid) VALUES (4, 28);

INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (5, 13, 18);

INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 22, 16);

INSERT INTO {role_assignments} (roleid, contextid, userid, component) VALUES (4, 14, 20, 'mod_whatever'), (5, 13, 20, '');

INSERT INTO {context} (id, contextlevel, instanceid, path, depth) VALUES (90, 70, 90, '/1/2/121/90', 4);
INSERT INTO {role_assignments} (roleid, contextid, userid, component) VALUES
  (3, 22, 16, ''), (4, 21, 16, ''), (4, 22, 16, 'mod_whatever'), (4, 90, 16, ''), (4, 22, 15, '');

-- Pupils: not in this forum. Assistants: not in the course, but in this forum. Teachers: prohibited in the category.
INSERT INTO {role_capabilities} (contextid, roleid, capability, permission) VALUES
  (22, 5, 'mod/forum:allowforcesubscribe', -1),
  (12, 4, 'mod/forum:allowforcesubscribe', -1),
  (22, 4, 'mod/forum:allowforcesubscribe', 1),
  (2, 3, 'mod/forum:allowforcesubscribe', -1000),
  (22, 3, 'mod/forum:allowforcesubscribe', 1);
-- E1014 and E1015 are assistants in the forum itself. E1015 has lost the context that every living user has: Moodle makes it.
INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 22, 22);
INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 22, 23);
DELETE FROM {context} WHERE contextlevel = 30 AND instanceid = 23;

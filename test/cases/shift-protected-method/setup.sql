UPDATE {config} SET value = 'manual,imsenterprise' WHERE name = 'enrol_plugins_enabled';
INSERT INTO {enrol} (id, enrol, courseid) VALUES (110, 'imsenterprise', 3), (111, 'imsenterprise', 3);
INSERT INTO {user_enrolments} (enrolid, userid, timestart, timeend) VALUES (110, 18, 1756706400, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES
  (5, 13, 18, 'enrol_imsenterprise', 110), (5, 13, 18, 'enrol_imsenterprise', 111);

UPDATE {config} SET value = 'manual,imsenterprise' WHERE name = 'enrol_plugins_enabled';
INSERT INTO {enrol} (id, enrol, courseid) VALUES (110, 'imsenterprise', 4);
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (110, 20, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 14, 20, 'enrol_imsenterprise', 110);
INSERT INTO {groups_members} (groupid, userid, component, itemid) VALUES (3, 20, 'enrol_imsenterprise', 110);

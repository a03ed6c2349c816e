UPDATE {config} SET value = 'manual,lti' WHERE name = 'enrol_plugins_enabled';
INSERT INTO {enrol} (id, enrol, courseid) VALUES (110, 'lti', 3), (111, 'lti', 4);
INSERT INTO {enrol_lti_tools} (id, enrolid, contextid) VALUES (50, 110, 13), (51, 111, 14);
INSERT INTO {enrol_lti_users} (userid, toolid) VALUES (9, 50), (10, 50), (9, 51);
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (110, 9, 0);

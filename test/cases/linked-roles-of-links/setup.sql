INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (102, 'meta', 3, 7);
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (102, 28, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (4, 13, 28, 'enrol_meta', 102);

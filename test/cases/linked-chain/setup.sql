INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (101, 'meta', 5, 4);
-- E1020 has been left in ENG-A1 without a reason: only Moodle's scheduled task would see to that.
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (101, 28, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 15, 28, 'enrol_meta', 101);

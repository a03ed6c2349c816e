-- The group of the link is one of BIO-2.
INSERT INTO {enrol} (id, enrol, courseid, customint1, customint2) VALUES (100, 'meta', 4, 3, 2);

INSERT INTO {user_enrolments} (enrolid, userid, timestart, timeend) VALUES (100, 21, 1756706400, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES
  (5, 14, 21, 'enrol_meta', 100), (5, 14, 21, 'enrol_meta', 100);
-- A link that has outlived its course.
INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (101, 'meta', 999, 3);
-- E1020 is in BIO-2.
INSERT INTO {user_enrolments} (enrolid, userid, timeend) SELECT id, 28, 0 FROM {enrol} WHERE courseid = 2 AND enrol = 'manual';

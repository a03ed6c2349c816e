INSERT INTO {enrol} (id, enrol, courseid) VALUES (110, 'cohort', 3);
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (23, 18, 0), (110, 18, 0), (110, 9, 0);

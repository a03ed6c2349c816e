INSERT INTO {user_enrolments} (enrolid, userid, status, timeend) VALUES (22, 9, 1, 0);

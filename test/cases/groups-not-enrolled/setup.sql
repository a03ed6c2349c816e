INSERT INTO {user_enrolments} (enrolid, userid, status, timeend) VALUES (24, 10, 1, 0);

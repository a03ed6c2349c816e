INSERT INTO {user_enrolments} (enrolid, userid, status, timeend) VALUES (25, 17, 1, 4000000000);

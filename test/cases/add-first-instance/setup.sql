INSERT INTO {enrol} (id, enrol, status, courseid, sortorder) VALUES (120, 'self', 0, 7, 0), (121, 'self', 1, 7, 0);

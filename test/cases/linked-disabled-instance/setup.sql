INSERT INTO {enrol} (id, enrol, courseid, customint1, status) VALUES (100, 'meta', 4, 3, 1);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (101, 'meta', 5, 4);

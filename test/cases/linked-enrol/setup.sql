INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

-- A link of a course to itself is none.
INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (109, 'meta', 3, 3);

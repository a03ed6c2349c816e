UPDATE {config} SET value = '1' WHERE name = 'disablegradehistory';
UPDATE {config} SET value = '0' WHERE name = 'enablecompletion';
INSERT INTO {grade_grades} (itemid, userid, finalgrade) VALUES (2, 16, 50);
INSERT INTO {course_modules_completion} (coursemoduleid, userid, completionstate, timemodified) VALUES (3, 16, 1, 1757000000);

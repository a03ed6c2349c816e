INSERT INTO {quiz} (id, course, name) VALUES (10, 2, 'Devoir'), (11, 2, 'Oral');
INSERT INTO {course_modules} (id, course, module, instance, completion, completiongradeitemnumber) VALUES
  (10, 2, 2, 10, 2, NULL), (11, 2, 2, 11, 2, 1);
INSERT INTO {grade_items} (id, courseid, itemname, itemtype, itemmodule, iteminstance, itemnumber) VALUES
  (10, 2, 'Devoir', 'mod', 'quiz', 10, 0), (11, 2, 'Oral', 'mod', 'quiz', 11, 0);
INSERT INTO {grade_grades} (itemid, userid, finalgrade) VALUES (2, 16, 50), (10, 17, 60), (11, 17, 70);
INSERT INTO {course_modules_completion} (coursemoduleid, userid, completionstate, overrideby, timemodified) VALUES
  (3, 16, 1, 3, 1757000000), (10, 17, 1, NULL, 1757000000), (11, 17, 1, NULL, 1757000000);

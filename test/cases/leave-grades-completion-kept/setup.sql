INSERT INTO {quiz} (id, course, name) VALUES (10, 2, 'Devoir');
INSERT INTO {course_modules} (id, course, module, instance, completion) VALUES (10, 2, 2, 10, 2);
INSERT INTO {grade_items} (id, courseid, itemname, itemtype, itemmodule, iteminstance, itemnumber) VALUES (10, 2, 'Devoir', 'mod', 'quiz', 10, 0);
INSERT INTO {grade_grades} (itemid, userid, finalgrade) VALUES (2, 16, 50), (10, 17, 60);
INSERT INTO {course_modules_completion} (coursemoduleid, userid, completionstate, overrideby, timemodified) VALUES
  (3, 16, 1, 3, 1757000000), (10, 17, 1, NULL, 1757000000);

INSERT INTO {grade_grades} (id, itemid, userid, rawgrade, rawgrademax, usermodified, finalgrade, overridden, feedback, feedbackformat) VALUES
  (100, 2, 16, 71.25, 80, 3, 71.25, 1757000000, 'Très bien', 1);
INSERT INTO {grade_grades} (id, itemid, userid, finalgrade) VALUES (101, 1, 16, 71.25);
INSERT INTO {course_modules_completion} (coursemoduleid, userid, completionstate, timemodified) VALUES (3, 16, 2, 1757000000);
INSERT INTO {files} (contenthash, pathnamehash, contextid, component, filearea, itemid, filename, filesize, timecreated, timemodified) VALUES
  ('a', 'a', 23, 'grade', 'feedback', 100, '.', 0, 0, 0),
  ('b', 'b', 23, 'grade', 'feedback', 100, 'audio.mp3', 9, 0, 0),
  ('b', 'c', 23, 'grade', 'historyfeedback', 100, 'audio.mp3', 9, 0, 0),
  ('b', 'd', 12, 'grade', 'feedback', 100, 'audio.mp3', 9, 0, 0);

UPDATE {quiz} SET graceperiod = 600 WHERE id = 1;
INSERT INTO {quiz} (id, course, name) VALUES (10, 2, 'Sans exception');
INSERT INTO {quiz_overrides} (quiz, groupid, userid, timeclose, timelimit) VALUES
  (1, 2, NULL, 1759442400, 3600), (1, 1, NULL, NULL, 0), (1, NULL, 17, 1759265000, 7200), (1, NULL, 16, NULL, NULL);
INSERT INTO {quiz_attempts} (quiz, userid, attempt, uniqueid, layout, state, timestart, timecheckstate) VALUES
  (1, 16, 1, 1, '', 'inprogress', 1759260000, 1),
  (1, 16, 2, 2, '', 'overdue', 1759441000, 1),
  (1, 17, 1, 3, '', 'inprogress', 1759260000, 1),
  (1, 13, 1, 4, '', 'inprogress', 1759260000, 1),
  (1, 14, 1, 5, '', 'inprogress', 1759260000, 1),
  (1, 15, 1, 6, '', 'finished', 1759260000, 1),
  (10, 16, 1, 7, '', 'inprogress', 1759260000, 1);

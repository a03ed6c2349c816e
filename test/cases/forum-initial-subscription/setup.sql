INSERT INTO {forum} (id, course, name, forcesubscribe) VALUES
  (10, 2, 'Sorties', 2), (11, 2, 'Au choix', 0), (12, 2, 'Fermé', 3), (13, 2, 'Sans module', 2);
INSERT INTO {course_modules} (id, course, module, instance, visible) VALUES (10, 2, 1, 10, 0), (11, 2, 1, 11, 1), (12, 2, 1, 12, 1);

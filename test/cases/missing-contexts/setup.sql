INSERT INTO {course_categories} (id, name, parent, depth, path) VALUES
  (4, 'Options', 3, 3, '/2/3/4'), (5, 'Langues mortes', 4, 4, '/2/3/4/5');
INSERT INTO {course} (id, category, shortname, fullname) VALUES (8, 5, 'LATIN', 'Latin'), (9, 4, 'GREC', 'Grec');
INSERT INTO {enrol} (id, enrol, courseid) VALUES (130, 'manual', 8), (131, 'manual', 9);
INSERT INTO {forum} (id, course, name, forcesubscribe) VALUES (20, 8, 'Versions', 2);
INSERT INTO {course_modules} (id, course, module, instance) VALUES (20, 8, 1, 20);

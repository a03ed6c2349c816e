INSERT INTO {forum} (id, course, name, forcesubscribe) VALUES (20, 2, 'Sorties', 2);
INSERT INTO {course_modules} (id, course, module, instance) VALUES (20, 2, 1, 20);
INSERT INTO {context} (id, contextlevel, instanceid, path, depth) VALUES (90, 70, 20, '/1/2/12/90', 4);
INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 90, 28), (4, 90, 29);

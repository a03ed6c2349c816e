-- Users in general have it in the category of BIO-2; in that of HIST-GEO nobody is said to.
INSERT INTO {role_capabilities} (contextid, roleid, capability, permission) VALUES (2, 7, 'mod/forum:allowforcesubscribe', 1);
INSERT INTO {forum} (id, course, name, forcesubscribe) VALUES (20, 4, 'Ailleurs', 2);
INSERT INTO {course_modules} (id, course, module, instance) VALUES (20, 4, 1, 20);
INSERT INTO {context} (id, contextlevel, instanceid, path, depth) VALUES (90, 70, 20, '/1/3/14/90', 4);

INSERT INTO {groups_members} (groupid, userid, component, itemid) VALUES (2, 16, 'tool_sync', 0);
INSERT INTO {grade_grades} (itemid, userid, finalgrade, overridden) VALUES (1, 16, 77.5, 1757000000), (2, 16, NULL, 0);
INSERT INTO {course_modules_completion} (coursemoduleid, userid, completionstate, timemodified) VALUES (3, 16, 1, 1757000000);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {user_enrolments} (enrolid, userid, timestart, timeend) VALUES (100, 21, 1756706400, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 14, 21, 'enrol_meta', 100);

UPDATE {config_plugins} SET value = '0' WHERE plugin = 'enrol_meta' AND name = 'unenrolaction';
INSERT INTO {groups_members} (groupid, userid, component, itemid) VALUES (4, 21, 'enrol_meta', 100), (3, 21, '', 0);
INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 14, 21);
INSERT INTO {user_lastaccess} (userid, courseid, timeaccess) VALUES (21, 4, 1757000000);
INSERT INTO {forum} (id, course, name) VALUES (20, 4, 'Ailleurs');
INSERT INTO {forum_subscriptions} (userid, forum) VALUES (21, 20);

INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {user_enrolments} (enrolid, userid, timestart, timeend) VALUES (100, 21, 1756706400, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 14, 21, 'enrol_meta', 100);

UPDATE {config_plugins} SET value = '0' WHERE plugin = 'enrol_meta' AND name = 'unenrolaction';
INSERT INTO {user_enrolments} (enrolid, userid, timeend) VALUES (23, 21, 0), (23, 22, 0), (100, 22, 0);
UPDATE {user_enrolments} SET timestart = 1756706400 WHERE enrolid = 100;
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 14, 22, 'enrol_meta', 100);

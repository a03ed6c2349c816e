INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

INSERT INTO {user_enrolments} (enrolid, userid, timestart, timeend) VALUES (100, 21, 1756706400, 0);
INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES (5, 14, 21, 'enrol_meta', 100);

-- Its instance is enabled; that of the third, whose method is not, does not count.
UPDATE {enrol} SET status = 0 WHERE id = 23;
INSERT INTO {enrol} (id, enrol, courseid) VALUES (110, 'paypal', 3);
INSERT INTO {user_enrolments} (enrolid, userid, status, timestart, timeend) VALUES
  (23, 21, 0, 1758319200, 1798758000), (110, 21, 0, 1, 0),
  (23, 22, 0, 1758319200, 1798758000), (100, 22, 0, 1756706400, 1798758000);

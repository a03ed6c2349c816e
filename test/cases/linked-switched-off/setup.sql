INSERT INTO {enrol} (id, enrol, courseid, customint1) VALUES (100, 'meta', 4, 3);

UPDATE {config} SET value = 'manual,self' WHERE name = 'enrol_plugins_enabled';

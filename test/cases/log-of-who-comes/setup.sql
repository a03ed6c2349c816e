UPDATE {config} SET value = 'manual,meta,imsenterprise' WHERE name = 'enrol_plugins_enabled';
INSERT INTO {enrol} (id, enrol, courseid, customint1, customint2) VALUES
  (110, 'imsenterprise', 2, NULL, NULL), (100, 'meta', 4, 2, 4);

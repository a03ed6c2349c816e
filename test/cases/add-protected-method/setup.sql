UPDATE {config} SET value = 'manual,self,imsenterprise,flatfile,cohort' WHERE name = 'enrol_plugins_enabled';
INSERT INTO {enrol} (id, enrol, courseid, sortorder) VALUES
  (110, 'imsenterprise', 3, 5), (111, 'flatfile', 3, 6), (112, 'cohort', 3, 7);

INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES
  (3, 13, 18, '', 0), (1, 13, 18, 'enrol_imsenterprise', 110), (5, 14, 18, '', 0);

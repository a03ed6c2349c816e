INSERT INTO {role_assignments} (roleid, contextid, userid, component, itemid) VALUES
  (4, 13, 19, '', 0), (3, 13, 19, 'enrol_imsenterprise', 110);

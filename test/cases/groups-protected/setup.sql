INSERT INTO {groups_members} (groupid, userid, component, itemid) VALUES
  (3, 10, 'tool_sync', 0), (3, 11, 'enrol_manual', 0), (3, 12, 'enrol_manual', 4), (4, 10, '', 0);

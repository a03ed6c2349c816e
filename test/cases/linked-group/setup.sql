INSERT INTO {enrol} (id, enrol, courseid, customint1, customint2) VALUES (100, 'meta', 4, 3, 4);
INSERT INTO {message_conversations} (id, type, name, component, itemtype, itemid, contextid, enabled, timecreated) VALUES
  (10, 2, 'Délégués', 'core_group', 'groups', 4, 14, 0, 1756706400);

-- What the database user of moodle-syncd must be allowed, and nothing beyond. Made by `npm run docs` from
-- src/moodle/rights.ts. Run it as an administrator of the database server, with Moodle's database as the default one:
--
--   mariadb --force moodle < grants.sql        (or mysql --force moodle < grants.sql)
--
-- Where Moodle's prefix is not mdl_, or the user not moodle-syncd on this host, change it here first. A table that your
-- Moodle does not have (of a plugin that was removed, or of a later version) makes an error that does not matter: --force
-- goes on. Whether all is granted that is needed, `moodle-syncd check` says.

GRANT SELECT, INSERT, UPDATE ON `mdl_cache_flags` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_capabilities` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_communication` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON `mdl_communication_user` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_config` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_config_plugins` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON `mdl_context` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_course` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_course_categories` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_course_modules` TO 'moodle-syncd'@'localhost';
GRANT SELECT, UPDATE ON `mdl_course_modules_completion` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_enrol` TO 'moodle-syncd'@'localhost';
GRANT SELECT (id, enrolid) ON `mdl_enrol_lti_tools` TO 'moodle-syncd'@'localhost';
GRANT SELECT (id, userid, toolid), DELETE ON `mdl_enrol_lti_users` TO 'moodle-syncd'@'localhost';
GRANT SELECT, DELETE ON `mdl_files` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_forum` TO 'moodle-syncd'@'localhost';
GRANT SELECT, DELETE ON `mdl_forum_digests` TO 'moodle-syncd'@'localhost';
GRANT SELECT, DELETE ON `mdl_forum_read` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, DELETE ON `mdl_forum_subscriptions` TO 'moodle-syncd'@'localhost';
GRANT SELECT, DELETE ON `mdl_forum_track_prefs` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, DELETE ON `mdl_grade_grades` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT ON `mdl_grade_grades_history` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_grade_items` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, UPDATE ON `mdl_groups` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, DELETE ON `mdl_groups_members` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_logstore_standard_log` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, DELETE ON `mdl_message_conversation_members` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_message_conversations` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_message_popup_notifications` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_message_processors` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_message_providers` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_modules` TO 'moodle-syncd'@'localhost';
GRANT SELECT (id, useridfrom, useridto, contexturl, subject, fullmessage, fullmessagehtml, timecreated, component, eventtype), INSERT ON `mdl_notifications` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_quiz` TO 'moodle-syncd'@'localhost';
GRANT SELECT, UPDATE ON `mdl_quiz_attempts` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_quiz_overrides` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_role` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, DELETE ON `mdl_role_assignments` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_role_capabilities` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_role_context_levels` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_role_names` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_task_adhoc` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT ON `mdl_tool_monitor_events` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_tool_monitor_rules` TO 'moodle-syncd'@'localhost';
GRANT SELECT, UPDATE ON `mdl_tool_monitor_subscriptions` TO 'moodle-syncd'@'localhost';
GRANT SELECT (id, username, idnumber, email, mnethostid, deleted, lang, emailstop, mailformat, auth, confirmed, suspended, firstname, lastname, firstnamephonetic, lastnamephonetic, middlename, alternatename) ON `mdl_user` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `mdl_user_enrolments` TO 'moodle-syncd'@'localhost';
GRANT SELECT, DELETE ON `mdl_user_lastaccess` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_user_preferences` TO 'moodle-syncd'@'localhost';

-- Tables of our own.

GRANT SELECT, INSERT, CREATE ON `syncd_migration` TO 'moodle-syncd'@'localhost';
GRANT SELECT, INSERT, UPDATE, CREATE, ALTER ON `syncd_run` TO 'moodle-syncd'@'localhost';

-- What is needed beside to take a run back.

GRANT DELETE ON `mdl_communication_user` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_files` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_forum_digests` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_forum_read` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_forum_track_prefs` TO 'moodle-syncd'@'localhost';
GRANT DELETE ON `mdl_grade_grades_history` TO 'moodle-syncd'@'localhost';
GRANT SELECT ON `mdl_groupings_groups` TO 'moodle-syncd'@'localhost';
GRANT DELETE ON `mdl_groups` TO 'moodle-syncd'@'localhost';
GRANT INSERT ON `mdl_user_lastaccess` TO 'moodle-syncd'@'localhost';

-- What is needed beside to log in on the page with a password of Moodle. With web.listen: null or web.proxyHeader, leave it out.

GRANT SELECT (auth, confirmed, password, suspended) ON `mdl_user` TO 'moodle-syncd'@'localhost';

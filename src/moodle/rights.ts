/**
 * What the database user must be allowed, table by table, and nothing beyond: the one list that `check` asks the server about
 * and that `config/grants.sql` is made of. A test revokes each of these rights in turn, and sees a run fail for want of it.
 */

/** As GRANT has it. `SELECT (a, b)`: these columns only. */
export type Right = 'SELECT' | `SELECT (${string})` | 'INSERT' | 'UPDATE' | 'DELETE' | 'CREATE' | 'ALTER'

/** What a run needs, by table of Moodle, without prefix. What a Moodle does not have, as quizzes where that plugin was removed, it need not grant. */
export const RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  cache_flags: ['SELECT', 'INSERT', 'UPDATE'],
  capabilities: ['SELECT'],
  communication: ['SELECT'],
  communication_user: ['SELECT', 'INSERT', 'UPDATE'],
  config: ['SELECT'],
  config_plugins: ['SELECT'],
  context: ['SELECT', 'INSERT', 'UPDATE'],
  course: ['SELECT'],
  course_categories: ['SELECT'],
  course_modules: ['SELECT'],
  course_modules_completion: ['SELECT', 'UPDATE'],
  enrol: ['SELECT'],
  // Not the secrets.
  enrol_lti_tools: ['SELECT (id, enrolid)'],
  enrol_lti_users: ['SELECT (id, userid, toolid)', 'DELETE'],
  files: ['SELECT', 'DELETE'],
  forum: ['SELECT'],
  forum_digests: ['SELECT', 'DELETE'],
  forum_read: ['SELECT', 'DELETE'],
  forum_subscriptions: ['SELECT', 'INSERT', 'DELETE'],
  forum_track_prefs: ['SELECT', 'DELETE'],
  grade_grades: ['SELECT', 'INSERT', 'DELETE'],
  grade_grades_history: ['SELECT', 'INSERT'],
  grade_items: ['SELECT'],
  groups: ['SELECT', 'INSERT', 'UPDATE'],
  groups_members: ['SELECT', 'INSERT', 'DELETE'],
  logstore_standard_log: ['INSERT'],
  message_conversation_members: ['SELECT', 'INSERT', 'DELETE'],
  message_conversations: ['SELECT'],
  message_popup_notifications: ['INSERT'],
  message_processors: ['SELECT'],
  message_providers: ['SELECT'],
  modules: ['SELECT'],
  // Not what else people are told.
  notifications: [
    'SELECT (id, useridfrom, useridto, contexturl, subject, fullmessage, fullmessagehtml, timecreated, component, eventtype)',
    'INSERT',
  ],
  quiz: ['SELECT'],
  quiz_attempts: ['SELECT', 'UPDATE'],
  quiz_overrides: ['SELECT'],
  role: ['SELECT'],
  role_assignments: ['SELECT', 'INSERT', 'DELETE'],
  role_capabilities: ['SELECT'],
  role_context_levels: ['SELECT'],
  role_names: ['SELECT'],
  task_adhoc: ['INSERT'],
  tool_monitor_events: ['SELECT', 'INSERT'],
  tool_monitor_rules: ['SELECT'],
  tool_monitor_subscriptions: ['SELECT', 'UPDATE'],
  // Not the password hashes, and whatever else is in there.
  user: [
    'SELECT (id, username, idnumber, email, mnethostid, deleted, lang, emailstop, mailformat, auth, confirmed, suspended, firstname, lastname, firstnamephonetic, lastnamephonetic, middlename, alternatename)',
  ],
  user_enrolments: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  user_lastaccess: ['SELECT', 'DELETE'],
  user_preferences: ['SELECT'],
}

/** What is needed beside those to take a run back, which deletes what a run inserts, and inserts what it deletes. */
export const UNDO_RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  communication_user: ['DELETE'],
  files: ['INSERT'],
  forum_digests: ['INSERT'],
  forum_read: ['INSERT'],
  forum_track_prefs: ['INSERT'],
  grade_grades_history: ['DELETE'],
  groupings_groups: ['SELECT'],
  groups: ['DELETE'],
  user_lastaccess: ['INSERT'],
}

/** What the page needs beside those to let site administrators log in by their passwords. */
export const PAGE_RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  user: ['SELECT (auth, confirmed, password, suspended)'],
}

/** The same for tables of our own, which have no prefix. With CREATE, rights can be granted before there is the table. */
export const LEDGER_RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  syncd_migration: ['SELECT', 'INSERT', 'CREATE'],
  syncd_run: ['SELECT', 'INSERT', 'UPDATE', 'CREATE', 'ALTER'],
}

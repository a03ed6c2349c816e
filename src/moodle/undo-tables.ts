/** What taking a run back must know of Moodle's tables. Data only; a table that is not here is dealt with by its ids alone. */

/** Which course a row is about: the column that says so, or that refers to a row of another table which does. */
export type CourseOf =
  | { readonly column: string }
  | { readonly column: string; readonly through: string; readonly courseColumn: string }
  | { readonly contextColumn: string }

export interface TableFacts {
  /** Two rows that are equal in these mean the same. */
  readonly key?: readonly string[]
  /** The database lets no two such rows be. (Where it does, Moodle has made doubles at times.) */
  readonly isUnique?: boolean
  /** Columns by tables: rows that are gone make this one meaningless. */
  readonly refersTo?: Readonly<Record<string, string>>
  readonly course?: CourseOf
  /** Columns that tell only when something was touched. A row in which nothing else differs has not been changed by anybody. */
  readonly times?: readonly string[]
}

export const TABLES: Readonly<Record<string, TableFacts>> = {
  communication_user: {
    key: ['userid', 'commid'],
    refersTo: { commid: 'communication', userid: 'user' },
    course: { column: 'commid', through: 'communication', courseColumn: 'instanceid' },
  },
  course_modules_completion: {
    course: { column: 'coursemoduleid', through: 'course_modules', courseColumn: 'course' },
  },
  files: {
    key: ['pathnamehash'],
    isUnique: true,
    refersTo: { contextid: 'context' },
    course: { contextColumn: 'contextid' },
  },
  forum_digests: {
    key: ['userid', 'forum'],
    isUnique: true,
    refersTo: { forum: 'forum', userid: 'user' },
    course: { column: 'forum', through: 'forum', courseColumn: 'course' },
  },
  forum_read: {
    key: ['userid', 'postid'],
    refersTo: { forumid: 'forum', userid: 'user' },
    course: { column: 'forumid', through: 'forum', courseColumn: 'course' },
  },
  forum_subscriptions: {
    key: ['userid', 'forum'],
    isUnique: true,
    refersTo: { forum: 'forum', userid: 'user' },
    course: { column: 'forum', through: 'forum', courseColumn: 'course' },
  },
  forum_track_prefs: {
    key: ['userid', 'forumid'],
    refersTo: { forumid: 'forum', userid: 'user' },
    course: { column: 'forumid', through: 'forum', courseColumn: 'course' },
  },
  grade_grades: {
    key: ['userid', 'itemid'],
    isUnique: true,
    refersTo: { itemid: 'grade_items', userid: 'user' },
    course: { column: 'itemid', through: 'grade_items', courseColumn: 'courseid' },
  },
  grade_grades_history: { course: { column: 'itemid', through: 'grade_items', courseColumn: 'courseid' } },
  groups: { refersTo: { courseid: 'course' }, course: { column: 'courseid' }, times: ['timemodified'] },
  groups_members: {
    key: ['userid', 'groupid'],
    isUnique: true,
    refersTo: { groupid: 'groups', userid: 'user' },
    course: { column: 'groupid', through: 'groups', courseColumn: 'courseid' },
  },
  message_conversation_members: {
    key: ['userid', 'conversationid'],
    refersTo: { conversationid: 'message_conversations', userid: 'user' },
  },
  quiz_attempts: { course: { column: 'quiz', through: 'quiz', courseColumn: 'course' } },
  role_assignments: {
    key: ['userid', 'contextid', 'roleid', 'component', 'itemid'],
    refersTo: { contextid: 'context', roleid: 'role', userid: 'user' },
    course: { contextColumn: 'contextid' },
  },
  user_enrolments: {
    key: ['userid', 'enrolid'],
    isUnique: true,
    refersTo: { enrolid: 'enrol', userid: 'user' },
    course: { column: 'enrolid', through: 'enrol', courseColumn: 'courseid' },
  },
  user_lastaccess: {
    key: ['userid', 'courseid'],
    isUnique: true,
    refersTo: { courseid: 'course', userid: 'user' },
    course: { column: 'courseid' },
  },
}

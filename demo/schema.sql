-- The tables of a Moodle 4.5 that moodle-syncd looks at, for the demo, the tests and the benchmark. Not a Moodle: nothing else is there.
--
-- Tables that are written have every column and index that Moodle gives them: what a row costs, and what a column left out would
-- break, is then as it is there. Tables that are only read have what is read, and the indexes that reading can use.
-- {prefix} and {options} are filled in by src/demo/school.ts, which also turns this into other versions of Moodle.

-- People

CREATE TABLE {prefix}user (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  auth VARCHAR(20) NOT NULL DEFAULT 'manual',
  confirmed TINYINT NOT NULL DEFAULT 0,
  deleted TINYINT NOT NULL DEFAULT 0,
  suspended TINYINT NOT NULL DEFAULT 0,
  mnethostid BIGINT NOT NULL DEFAULT 0,
  username VARCHAR(100) NOT NULL DEFAULT '',
  password VARCHAR(255) NOT NULL DEFAULT '',
  idnumber VARCHAR(255) NOT NULL DEFAULT '',
  firstname VARCHAR(100) NOT NULL DEFAULT '',
  lastname VARCHAR(100) NOT NULL DEFAULT '',
  email VARCHAR(100) NOT NULL DEFAULT '',
  emailstop TINYINT NOT NULL DEFAULT 0,
  mailformat TINYINT NOT NULL DEFAULT 1,
  lang VARCHAR(30) NOT NULL DEFAULT 'en',
  timezone VARCHAR(100) NOT NULL DEFAULT '99',
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  lastnamephonetic VARCHAR(255) DEFAULT NULL,
  firstnamephonetic VARCHAR(255) DEFAULT NULL,
  middlename VARCHAR(255) DEFAULT NULL,
  alternatename VARCHAR(255) DEFAULT NULL,
  UNIQUE KEY (mnethostid, username),
  KEY (deleted), KEY (firstname), KEY (lastname), KEY (email), KEY (auth), KEY (idnumber)
) {options};

CREATE TABLE {prefix}user_preferences (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  value VARCHAR(1333) NOT NULL DEFAULT '',
  UNIQUE KEY (userid, name),
  KEY (name)
) {options};

CREATE TABLE {prefix}user_lastaccess (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  courseid BIGINT NOT NULL DEFAULT 0,
  timeaccess BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY (userid, courseid),
  KEY (userid), KEY (courseid)
) {options};

-- Courses and contexts

CREATE TABLE {prefix}course_categories (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL DEFAULT '',
  idnumber VARCHAR(100) DEFAULT NULL,
  parent BIGINT NOT NULL DEFAULT 0,
  sortorder BIGINT NOT NULL DEFAULT 0,
  visible TINYINT NOT NULL DEFAULT 1,
  depth BIGINT NOT NULL DEFAULT 0,
  path VARCHAR(255) NOT NULL DEFAULT '',
  KEY (parent)
) {options};

CREATE TABLE {prefix}course (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  category BIGINT NOT NULL DEFAULT 0,
  sortorder BIGINT NOT NULL DEFAULT 0,
  fullname VARCHAR(254) NOT NULL DEFAULT '',
  shortname VARCHAR(255) NOT NULL DEFAULT '',
  idnumber VARCHAR(100) NOT NULL DEFAULT '',
  startdate BIGINT NOT NULL DEFAULT 0,
  enddate BIGINT NOT NULL DEFAULT 0,
  visible TINYINT NOT NULL DEFAULT 1,
  groupmode SMALLINT NOT NULL DEFAULT 0,
  groupmodeforce SMALLINT NOT NULL DEFAULT 0,
  defaultgroupingid BIGINT NOT NULL DEFAULT 0,
  lang VARCHAR(30) NOT NULL DEFAULT '',
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  enablecompletion TINYINT NOT NULL DEFAULT 0,
  cacherev BIGINT NOT NULL DEFAULT 0,
  KEY (category), KEY (idnumber), KEY (shortname), KEY (sortorder)
) {options};

CREATE TABLE {prefix}context (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  contextlevel BIGINT NOT NULL DEFAULT 0,
  instanceid BIGINT NOT NULL DEFAULT 0,
  path VARCHAR(255) DEFAULT NULL,
  depth TINYINT NOT NULL DEFAULT 0,
  locked TINYINT NOT NULL DEFAULT 0,
  UNIQUE KEY (contextlevel, instanceid),
  KEY (instanceid), KEY (path)
) {options};

CREATE TABLE {prefix}modules (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(20) NOT NULL DEFAULT '',
  visible TINYINT NOT NULL DEFAULT 1,
  KEY (name)
) {options};

CREATE TABLE {prefix}course_modules (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  course BIGINT NOT NULL DEFAULT 0,
  module BIGINT NOT NULL DEFAULT 0,
  instance BIGINT NOT NULL DEFAULT 0,
  section BIGINT NOT NULL DEFAULT 0,
  idnumber VARCHAR(100) DEFAULT NULL,
  visible TINYINT NOT NULL DEFAULT 1,
  groupmode SMALLINT NOT NULL DEFAULT 0,
  groupingid BIGINT NOT NULL DEFAULT 0,
  completion TINYINT NOT NULL DEFAULT 0,
  completiongradeitemnumber BIGINT DEFAULT NULL,
  completionview TINYINT NOT NULL DEFAULT 0,
  completionexpected BIGINT NOT NULL DEFAULT 0,
  completionpassgrade TINYINT NOT NULL DEFAULT 0,
  deletioninprogress TINYINT NOT NULL DEFAULT 0,
  KEY (visible), KEY (course), KEY (module), KEY (instance), KEY (idnumber, course), KEY (groupingid)
) {options};

CREATE TABLE {prefix}course_modules_completion (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  coursemoduleid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  completionstate TINYINT NOT NULL,
  overrideby BIGINT DEFAULT NULL,
  timemodified BIGINT NOT NULL,
  UNIQUE KEY (userid, coursemoduleid),
  KEY (coursemoduleid)
) {options};

-- Roles

CREATE TABLE {prefix}role (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL DEFAULT '',
  shortname VARCHAR(100) NOT NULL DEFAULT '',
  sortorder BIGINT NOT NULL DEFAULT 0,
  archetype VARCHAR(30) NOT NULL DEFAULT '',
  UNIQUE KEY (sortorder),
  UNIQUE KEY (shortname)
) {options};

CREATE TABLE {prefix}role_context_levels (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  roleid BIGINT NOT NULL,
  contextlevel BIGINT NOT NULL,
  UNIQUE KEY (contextlevel, roleid),
  KEY (roleid)
) {options};

CREATE TABLE {prefix}role_names (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  roleid BIGINT NOT NULL DEFAULT 0,
  contextid BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  UNIQUE KEY (roleid, contextid),
  KEY (roleid), KEY (contextid)
) {options};

CREATE TABLE {prefix}role_assignments (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  roleid BIGINT NOT NULL DEFAULT 0,
  contextid BIGINT NOT NULL DEFAULT 0,
  userid BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  modifierid BIGINT NOT NULL DEFAULT 0,
  component VARCHAR(100) NOT NULL DEFAULT '',
  itemid BIGINT NOT NULL DEFAULT 0,
  sortorder BIGINT NOT NULL DEFAULT 0,
  KEY (sortorder), KEY (roleid, contextid), KEY (userid, contextid, roleid), KEY (component, itemid, userid),
  KEY (roleid), KEY (contextid), KEY (userid)
) {options};

CREATE TABLE {prefix}capabilities (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL DEFAULT '',
  captype VARCHAR(50) NOT NULL DEFAULT '',
  contextlevel BIGINT NOT NULL DEFAULT 0,
  component VARCHAR(100) NOT NULL DEFAULT '',
  UNIQUE KEY (name)
) {options};

CREATE TABLE {prefix}role_capabilities (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  contextid BIGINT NOT NULL DEFAULT 0,
  roleid BIGINT NOT NULL DEFAULT 0,
  capability VARCHAR(255) NOT NULL DEFAULT '',
  permission BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  modifierid BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY (roleid, contextid, capability),
  KEY (roleid), KEY (contextid), KEY (modifierid), KEY (capability)
) {options};

-- Enrolments

CREATE TABLE {prefix}enrol (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  enrol VARCHAR(20) NOT NULL DEFAULT '',
  status BIGINT NOT NULL DEFAULT 0,
  courseid BIGINT NOT NULL,
  sortorder BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) DEFAULT NULL,
  enrolperiod BIGINT DEFAULT 0,
  enrolstartdate BIGINT DEFAULT 0,
  enrolenddate BIGINT DEFAULT 0,
  password VARCHAR(50) DEFAULT NULL,
  roleid BIGINT DEFAULT 0,
  customint1 BIGINT DEFAULT NULL,
  customint2 BIGINT DEFAULT NULL,
  customint3 BIGINT DEFAULT NULL,
  customint4 BIGINT DEFAULT NULL,
  customint5 BIGINT DEFAULT NULL,
  customint6 BIGINT DEFAULT NULL,
  customint7 BIGINT DEFAULT NULL,
  customint8 BIGINT DEFAULT NULL,
  customtext1 LONGTEXT DEFAULT NULL,
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY (enrol), KEY (courseid), KEY (roleid)
) {options};

CREATE TABLE {prefix}user_enrolments (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  status BIGINT NOT NULL DEFAULT 0,
  enrolid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  timestart BIGINT NOT NULL DEFAULT 0,
  timeend BIGINT NOT NULL DEFAULT 2147483647,
  modifierid BIGINT NOT NULL DEFAULT 0,
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY (enrolid, userid),
  KEY (enrolid), KEY (userid), KEY (modifierid)
) {options};

CREATE TABLE {prefix}enrol_lti_tools (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  enrolid BIGINT NOT NULL,
  contextid BIGINT NOT NULL,
  KEY (enrolid), KEY (contextid)
) {options};

CREATE TABLE {prefix}enrol_lti_users (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL,
  toolid BIGINT NOT NULL,
  serviceurl LONGTEXT DEFAULT NULL,
  sourceid LONGTEXT DEFAULT NULL,
  ltideploymentid BIGINT DEFAULT NULL,
  consumerkey LONGTEXT DEFAULT NULL,
  consumersecret LONGTEXT DEFAULT NULL,
  membershipsurl LONGTEXT DEFAULT NULL,
  membershipsid LONGTEXT DEFAULT NULL,
  lastgrade DECIMAL(10,5) DEFAULT NULL,
  lastaccess BIGINT DEFAULT NULL,
  timecreated BIGINT DEFAULT NULL,
  KEY (userid), KEY (toolid), KEY (ltideploymentid)
) {options};

-- Groups

CREATE TABLE {prefix}groups (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  courseid BIGINT NOT NULL,
  idnumber VARCHAR(100) NOT NULL DEFAULT '',
  name VARCHAR(254) NOT NULL DEFAULT '',
  description LONGTEXT DEFAULT NULL,
  descriptionformat TINYINT NOT NULL DEFAULT 0,
  enrolmentkey VARCHAR(50) DEFAULT NULL,
  picture BIGINT NOT NULL DEFAULT 0,
  visibility TINYINT NOT NULL DEFAULT 0,
  participation TINYINT NOT NULL DEFAULT 1,
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY (idnumber), KEY (courseid)
) {options};

CREATE TABLE {prefix}groups_members (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  groupid BIGINT NOT NULL DEFAULT 0,
  userid BIGINT NOT NULL DEFAULT 0,
  timeadded BIGINT NOT NULL DEFAULT 0,
  component VARCHAR(100) NOT NULL DEFAULT '',
  itemid BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY (userid, groupid),
  KEY (groupid), KEY (userid)
) {options};

CREATE TABLE {prefix}groupings (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  courseid BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  idnumber VARCHAR(100) NOT NULL DEFAULT '',
  timecreated BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY (idnumber), KEY (courseid)
) {options};

CREATE TABLE {prefix}groupings_groups (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  groupingid BIGINT NOT NULL DEFAULT 0,
  groupid BIGINT NOT NULL DEFAULT 0,
  timeadded BIGINT NOT NULL DEFAULT 0,
  KEY (groupingid), KEY (groupid)
) {options};

-- Site

CREATE TABLE {prefix}config (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NOT NULL DEFAULT '',
  value LONGTEXT NOT NULL,
  UNIQUE KEY (name)
) {options};

CREATE TABLE {prefix}config_plugins (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  plugin VARCHAR(100) NOT NULL DEFAULT 'core',
  name VARCHAR(100) NOT NULL DEFAULT '',
  value LONGTEXT NOT NULL,
  UNIQUE KEY (plugin, name)
) {options};

CREATE TABLE {prefix}cache_flags (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  flagtype VARCHAR(255) NOT NULL DEFAULT '',
  name VARCHAR(255) NOT NULL DEFAULT '',
  timemodified BIGINT NOT NULL DEFAULT 0,
  value LONGTEXT NOT NULL,
  expiry BIGINT NOT NULL,
  KEY (flagtype), KEY (name)
) {options};

CREATE TABLE {prefix}task_adhoc (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  component VARCHAR(255) NOT NULL DEFAULT '',
  classname VARCHAR(255) NOT NULL DEFAULT '',
  nextruntime BIGINT NOT NULL,
  faildelay BIGINT DEFAULT NULL,
  customdata LONGTEXT DEFAULT NULL,
  userid BIGINT DEFAULT NULL,
  timecreated BIGINT NOT NULL DEFAULT 0,
  timestarted BIGINT DEFAULT NULL,
  hostname VARCHAR(255) DEFAULT NULL,
  pid BIGINT DEFAULT NULL,
  attemptsavailable TINYINT DEFAULT NULL,
  firststartingtime BIGINT DEFAULT NULL,
  KEY (nextruntime), KEY (timestarted), KEY (userid)
) {options};

CREATE TABLE {prefix}logstore_standard_log (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  eventname VARCHAR(255) NOT NULL DEFAULT '',
  component VARCHAR(100) NOT NULL DEFAULT '',
  action VARCHAR(100) NOT NULL DEFAULT '',
  target VARCHAR(100) NOT NULL DEFAULT '',
  objecttable VARCHAR(50) DEFAULT NULL,
  objectid BIGINT DEFAULT NULL,
  crud VARCHAR(1) NOT NULL DEFAULT '',
  edulevel TINYINT NOT NULL,
  contextid BIGINT NOT NULL,
  contextlevel BIGINT NOT NULL,
  contextinstanceid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  courseid BIGINT DEFAULT NULL,
  relateduserid BIGINT DEFAULT NULL,
  anonymous TINYINT NOT NULL DEFAULT 0,
  other LONGTEXT DEFAULT NULL,
  timecreated BIGINT NOT NULL,
  origin VARCHAR(10) DEFAULT NULL,
  ip VARCHAR(45) DEFAULT NULL,
  realuserid BIGINT DEFAULT NULL,
  KEY (timecreated), KEY (courseid, anonymous, timecreated),
  KEY (userid, contextlevel, contextinstanceid, crud, edulevel, timecreated),
  KEY (contextid), KEY (userid), KEY (courseid), KEY (realuserid), KEY (relateduserid)
) {options};

CREATE TABLE {prefix}files (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  contenthash VARCHAR(40) NOT NULL DEFAULT '',
  pathnamehash VARCHAR(40) NOT NULL DEFAULT '',
  contextid BIGINT NOT NULL,
  component VARCHAR(100) NOT NULL DEFAULT '',
  filearea VARCHAR(50) NOT NULL DEFAULT '',
  itemid BIGINT NOT NULL,
  filepath VARCHAR(255) NOT NULL DEFAULT '',
  filename VARCHAR(255) NOT NULL DEFAULT '',
  userid BIGINT DEFAULT NULL,
  filesize BIGINT NOT NULL,
  mimetype VARCHAR(100) DEFAULT NULL,
  status BIGINT NOT NULL DEFAULT 0,
  source LONGTEXT DEFAULT NULL,
  author VARCHAR(255) DEFAULT NULL,
  license VARCHAR(255) DEFAULT NULL,
  timecreated BIGINT NOT NULL,
  timemodified BIGINT NOT NULL,
  sortorder BIGINT NOT NULL DEFAULT 0,
  referencefileid BIGINT DEFAULT NULL,
  UNIQUE KEY (pathnamehash),
  KEY (component, filearea, contextid, itemid),
  KEY (contenthash), KEY (license), KEY (filename), KEY (contextid), KEY (userid), KEY (referencefileid)
) {options};

-- Forums

CREATE TABLE {prefix}forum (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  course BIGINT NOT NULL DEFAULT 0,
  type VARCHAR(20) NOT NULL DEFAULT 'general',
  name VARCHAR(255) NOT NULL DEFAULT '',
  forcesubscribe TINYINT NOT NULL DEFAULT 0,
  trackingtype TINYINT NOT NULL DEFAULT 1,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY (course)
) {options};

CREATE TABLE {prefix}forum_subscriptions (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  forum BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY (userid, forum),
  KEY (userid), KEY (forum)
) {options};

CREATE TABLE {prefix}forum_digests (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL,
  forum BIGINT NOT NULL,
  maildigest TINYINT NOT NULL DEFAULT -1,
  UNIQUE KEY (forum, userid, maildigest),
  KEY (userid), KEY (forum)
) {options};

CREATE TABLE {prefix}forum_track_prefs (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  forumid BIGINT NOT NULL DEFAULT 0,
  KEY (userid, forumid)
) {options};

CREATE TABLE {prefix}forum_read (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  forumid BIGINT NOT NULL DEFAULT 0,
  discussionid BIGINT NOT NULL DEFAULT 0,
  postid BIGINT NOT NULL DEFAULT 0,
  firstread BIGINT NOT NULL DEFAULT 0,
  lastread BIGINT NOT NULL DEFAULT 0,
  KEY (forumid, userid), KEY (discussionid, userid), KEY (postid, userid), KEY (userid)
) {options};

-- Quizzes

CREATE TABLE {prefix}quiz (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  course BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  timeopen BIGINT NOT NULL DEFAULT 0,
  timeclose BIGINT NOT NULL DEFAULT 0,
  timelimit BIGINT NOT NULL DEFAULT 0,
  graceperiod BIGINT NOT NULL DEFAULT 0,
  KEY (course)
) {options};

CREATE TABLE {prefix}quiz_overrides (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  quiz BIGINT NOT NULL DEFAULT 0,
  groupid BIGINT DEFAULT NULL,
  userid BIGINT DEFAULT NULL,
  timeopen BIGINT DEFAULT NULL,
  timeclose BIGINT DEFAULT NULL,
  timelimit BIGINT DEFAULT NULL,
  attempts MEDIUMINT DEFAULT NULL,
  KEY (quiz), KEY (groupid), KEY (userid)
) {options};

CREATE TABLE {prefix}quiz_attempts (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  quiz BIGINT NOT NULL DEFAULT 0,
  userid BIGINT NOT NULL DEFAULT 0,
  attempt MEDIUMINT NOT NULL DEFAULT 0,
  uniqueid BIGINT NOT NULL DEFAULT 0,
  layout LONGTEXT NOT NULL,
  currentpage BIGINT NOT NULL DEFAULT 0,
  preview SMALLINT NOT NULL DEFAULT 0,
  state VARCHAR(16) NOT NULL DEFAULT 'inprogress',
  timestart BIGINT NOT NULL DEFAULT 0,
  timefinish BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  timemodifiedoffline BIGINT NOT NULL DEFAULT 0,
  timecheckstate BIGINT DEFAULT 0,
  sumgrades DECIMAL(10,5) DEFAULT NULL,
  gradednotificationsenttime BIGINT DEFAULT NULL,
  UNIQUE KEY (quiz, userid, attempt),
  UNIQUE KEY (uniqueid),
  KEY (state, timecheckstate), KEY (quiz), KEY (userid)
) {options};

-- Grades

CREATE TABLE {prefix}grade_items (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  courseid BIGINT DEFAULT NULL,
  categoryid BIGINT DEFAULT NULL,
  itemname VARCHAR(255) DEFAULT NULL,
  itemtype VARCHAR(30) NOT NULL DEFAULT '',
  itemmodule VARCHAR(30) DEFAULT NULL,
  iteminstance BIGINT DEFAULT NULL,
  itemnumber BIGINT DEFAULT NULL,
  idnumber VARCHAR(255) DEFAULT NULL,
  gradetype SMALLINT NOT NULL DEFAULT 1,
  sortorder BIGINT NOT NULL DEFAULT 0,
  locked BIGINT NOT NULL DEFAULT 0,
  locktime BIGINT NOT NULL DEFAULT 0,
  needsupdate BIGINT NOT NULL DEFAULT 0,
  timecreated BIGINT DEFAULT NULL,
  timemodified BIGINT DEFAULT NULL,
  KEY (locked, locktime), KEY (itemtype, needsupdate), KEY (gradetype), KEY (idnumber, courseid),
  KEY (itemtype, itemmodule, iteminstance, courseid), KEY (courseid), KEY (categoryid)
) {options};

CREATE TABLE {prefix}grade_grades (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  itemid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  rawgrade DECIMAL(10,5) DEFAULT NULL,
  rawgrademax DECIMAL(10,5) NOT NULL DEFAULT 100,
  rawgrademin DECIMAL(10,5) NOT NULL DEFAULT 0,
  rawscaleid BIGINT DEFAULT NULL,
  usermodified BIGINT DEFAULT NULL,
  finalgrade DECIMAL(10,5) DEFAULT NULL,
  hidden BIGINT NOT NULL DEFAULT 0,
  locked BIGINT NOT NULL DEFAULT 0,
  locktime BIGINT NOT NULL DEFAULT 0,
  exported BIGINT NOT NULL DEFAULT 0,
  overridden BIGINT NOT NULL DEFAULT 0,
  excluded BIGINT NOT NULL DEFAULT 0,
  feedback LONGTEXT DEFAULT NULL,
  feedbackformat BIGINT NOT NULL DEFAULT 0,
  information LONGTEXT DEFAULT NULL,
  informationformat BIGINT NOT NULL DEFAULT 0,
  timecreated BIGINT DEFAULT NULL,
  timemodified BIGINT DEFAULT NULL,
  aggregationstatus VARCHAR(10) NOT NULL DEFAULT 'unknown',
  aggregationweight DECIMAL(10,5) DEFAULT NULL,
  UNIQUE KEY (userid, itemid),
  KEY (locked, locktime), KEY (itemid), KEY (userid), KEY (rawscaleid), KEY (usermodified)
) {options};

CREATE TABLE {prefix}grade_grades_history (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  action BIGINT NOT NULL DEFAULT 0,
  oldid BIGINT NOT NULL,
  source VARCHAR(255) DEFAULT NULL,
  timemodified BIGINT DEFAULT NULL,
  loggeduser BIGINT DEFAULT NULL,
  itemid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  rawgrade DECIMAL(10,5) DEFAULT NULL,
  rawgrademax DECIMAL(10,5) NOT NULL DEFAULT 100,
  rawgrademin DECIMAL(10,5) NOT NULL DEFAULT 0,
  rawscaleid BIGINT DEFAULT NULL,
  usermodified BIGINT DEFAULT NULL,
  finalgrade DECIMAL(10,5) DEFAULT NULL,
  hidden BIGINT NOT NULL DEFAULT 0,
  locked BIGINT NOT NULL DEFAULT 0,
  locktime BIGINT NOT NULL DEFAULT 0,
  exported BIGINT NOT NULL DEFAULT 0,
  overridden BIGINT NOT NULL DEFAULT 0,
  excluded BIGINT NOT NULL DEFAULT 0,
  feedback LONGTEXT DEFAULT NULL,
  feedbackformat BIGINT NOT NULL DEFAULT 0,
  information LONGTEXT DEFAULT NULL,
  informationformat BIGINT NOT NULL DEFAULT 0,
  KEY (action), KEY (timemodified), KEY (userid, itemid, timemodified), KEY (oldid), KEY (itemid), KEY (userid),
  KEY (rawscaleid), KEY (usermodified), KEY (loggeduser)
) {options};

-- Messages

CREATE TABLE {prefix}message_conversations (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  type BIGINT NOT NULL DEFAULT 1,
  name VARCHAR(255) DEFAULT NULL,
  convhash VARCHAR(40) DEFAULT NULL,
  component VARCHAR(100) DEFAULT NULL,
  itemtype VARCHAR(100) DEFAULT NULL,
  itemid BIGINT DEFAULT NULL,
  contextid BIGINT DEFAULT NULL,
  enabled TINYINT NOT NULL DEFAULT 0,
  timecreated BIGINT NOT NULL,
  timemodified BIGINT DEFAULT NULL,
  KEY (type), KEY (convhash), KEY (component, itemtype, itemid, contextid), KEY (contextid)
) {options};

CREATE TABLE {prefix}message_conversation_members (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  conversationid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  timecreated BIGINT NOT NULL,
  KEY (conversationid), KEY (userid)
) {options};

CREATE TABLE {prefix}message_providers (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(100) NOT NULL DEFAULT '',
  component VARCHAR(200) NOT NULL DEFAULT '',
  capability VARCHAR(255) DEFAULT NULL,
  UNIQUE KEY (component, name)
) {options};

CREATE TABLE {prefix}message_processors (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(166) NOT NULL DEFAULT '',
  enabled TINYINT NOT NULL DEFAULT 1
) {options};

CREATE TABLE {prefix}notifications (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  useridfrom BIGINT NOT NULL,
  useridto BIGINT NOT NULL,
  subject LONGTEXT DEFAULT NULL,
  fullmessage LONGTEXT DEFAULT NULL,
  fullmessageformat TINYINT NOT NULL DEFAULT 0,
  fullmessagehtml LONGTEXT DEFAULT NULL,
  smallmessage LONGTEXT DEFAULT NULL,
  component VARCHAR(100) DEFAULT NULL,
  eventtype VARCHAR(100) DEFAULT NULL,
  contexturl LONGTEXT DEFAULT NULL,
  contexturlname LONGTEXT DEFAULT NULL,
  timeread BIGINT DEFAULT NULL,
  timecreated BIGINT NOT NULL,
  customdata LONGTEXT DEFAULT NULL,
  KEY (useridfrom), KEY (timecreated), KEY (timeread), KEY (useridto)
) {options};

CREATE TABLE {prefix}message_popup_notifications (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  notificationid BIGINT NOT NULL,
  KEY (notificationid)
) {options};

-- Communication rooms

CREATE TABLE {prefix}communication (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  contextid BIGINT NOT NULL,
  instanceid BIGINT NOT NULL,
  component VARCHAR(100) NOT NULL DEFAULT '',
  instancetype VARCHAR(100) NOT NULL DEFAULT '',
  provider VARCHAR(100) NOT NULL DEFAULT '',
  roomname VARCHAR(255) DEFAULT NULL,
  avatarfilename VARCHAR(100) DEFAULT NULL,
  active TINYINT NOT NULL DEFAULT 1,
  avatarsynced TINYINT NOT NULL DEFAULT 0,
  KEY (contextid)
) {options};

CREATE TABLE {prefix}communication_user (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  commid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  synced TINYINT NOT NULL DEFAULT 0,
  deleted TINYINT NOT NULL DEFAULT 0,
  KEY (commid), KEY (userid)
) {options};

-- Event monitoring

CREATE TABLE {prefix}tool_monitor_rules (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(254) NOT NULL DEFAULT '',
  userid BIGINT NOT NULL,
  courseid BIGINT NOT NULL,
  plugin VARCHAR(254) NOT NULL DEFAULT '',
  eventname VARCHAR(254) NOT NULL DEFAULT '',
  frequency SMALLINT NOT NULL,
  timewindow MEDIUMINT NOT NULL,
  timemodified BIGINT NOT NULL,
  timecreated BIGINT NOT NULL,
  KEY (courseid, userid), KEY (eventname)
) {options};

CREATE TABLE {prefix}tool_monitor_subscriptions (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  courseid BIGINT NOT NULL,
  ruleid BIGINT NOT NULL,
  cmid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  timecreated BIGINT NOT NULL,
  lastnotificationsent BIGINT NOT NULL DEFAULT 0,
  inactivedate BIGINT NOT NULL DEFAULT 0,
  KEY (courseid, userid), KEY (ruleid)
) {options};

CREATE TABLE {prefix}tool_monitor_events (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  eventname VARCHAR(254) NOT NULL DEFAULT '',
  contextid BIGINT NOT NULL,
  contextlevel BIGINT NOT NULL,
  contextinstanceid BIGINT NOT NULL,
  link VARCHAR(254) NOT NULL DEFAULT '',
  courseid BIGINT NOT NULL,
  timecreated BIGINT NOT NULL,
  KEY (courseid), KEY (contextid), KEY (contextinstanceid)
) {options};

-- A small school for the demo and the tests: its people, six courses, and what a Moodle 4.5 says about itself.
--
-- Ids are written out, so that a test can be read beside this file. {prefix} is filled in by src/demo/school.ts.
-- Times are those of 1 September 2025, 08:00 in Paris (1756706400).

-- The site

INSERT INTO {prefix}config (name, value) VALUES
  ('version', '2024100706.00'),
  ('release', '4.5.6 (Build: 20250811)'),
  ('siteidentifier', 'demonstrationschooldemonstration'),
  ('siteadmins', '2'),
  ('siteguest', '1'),
  ('mnet_localhost_id', '1'),
  ('rolesactive', '1'),
  ('maintenance_enabled', '0'),
  ('lang', 'fr'),
  ('timezone', 'Europe/Paris'),
  ('sessiontimeout', '28800'),
  ('enrol_plugins_enabled', 'manual,guest,self,cohort,meta'),
  ('coursecontact', '3'),
  ('defaultuserroleid', '7'),
  ('defaultfrontpageroleid', '8'),
  ('enablecompletion', '1'),
  ('enableavailability', '1'),
  ('recovergradesdefault', '0'),
  ('disablegradehistory', '0'),
  ('enablecommunicationsubsystem', '0'),
  ('messaging', '1'),
  ('noreplyaddress', 'noreply@school.example'),
  ('smtphosts', '');

INSERT INTO {prefix}config_plugins (plugin, name, value) VALUES
  ('tool_log', 'enabled_stores', 'logstore_standard'),
  ('logstore_standard', 'jsonformat', '1'),
  ('enrol_manual', 'roleid', '5'),
  ('enrol_manual', 'sendcoursewelcomemessage', '1'),
  ('enrol_self', 'roleid', '5'),
  ('enrol_meta', 'nosyncroleids', ''),
  ('enrol_meta', 'syncall', '1'),
  ('enrol_meta', 'unenrolaction', '3'),
  ('message', 'popup_provider_moodle_enrolcoursewelcomemessage_locked', '0'),
  ('message', 'email_provider_moodle_enrolcoursewelcomemessage_locked', '0'),
  ('message', 'message_provider_moodle_enrolcoursewelcomemessage_enabled', 'popup,email'),
  ('message', 'popup_provider_enrol_flatfile_flatfile_enrolment_locked', '0'),
  ('message', 'email_provider_enrol_flatfile_flatfile_enrolment_locked', '0'),
  ('message', 'message_provider_enrol_flatfile_flatfile_enrolment_enabled', 'popup,email');

INSERT INTO {prefix}message_processors (id, name, enabled) VALUES (1, 'email', 1), (2, 'popup', 1);
INSERT INTO {prefix}message_providers (id, name, component) VALUES (1, 'enrolcoursewelcomemessage', 'moodle'), (2, 'flatfile_enrolment', 'enrol_flatfile');
INSERT INTO {prefix}modules (id, name) VALUES (1, 'forum'), (2, 'quiz'), (3, 'assign');

-- Roles: the eight of an installation

INSERT INTO {prefix}role (id, shortname, sortorder, archetype) VALUES
  (1, 'manager', 1, 'manager'),
  (2, 'coursecreator', 2, 'coursecreator'),
  (3, 'editingteacher', 3, 'editingteacher'),
  (4, 'teacher', 4, 'teacher'),
  (5, 'student', 5, 'student'),
  (6, 'guest', 6, 'guest'),
  (7, 'user', 7, 'user'),
  (8, 'frontpage', 8, 'frontpage');

INSERT INTO {prefix}role_context_levels (roleid, contextlevel) VALUES
  (1, 10), (1, 40), (1, 50), (2, 10), (2, 40), (3, 50), (3, 70), (4, 50), (4, 70), (5, 50), (5, 70);

INSERT INTO {prefix}capabilities (name, captype, contextlevel, component) VALUES
  ('mod/forum:allowforcesubscribe', 'read', 70, 'mod_forum'),
  ('enrol/self:holdkey', 'write', 50, 'enrol_self');

INSERT INTO {prefix}role_capabilities (contextid, roleid, capability, permission, timemodified, modifierid) VALUES
  (1, 3, 'mod/forum:allowforcesubscribe', 1, 1756706400, 0),
  (1, 4, 'mod/forum:allowforcesubscribe', 1, 1756706400, 0),
  (1, 5, 'mod/forum:allowforcesubscribe', 1, 1756706400, 0),
  (1, 8, 'mod/forum:allowforcesubscribe', 1, 1756706400, 0);

-- People: teachers T…, pupils E…; 36 has left and is deleted, 35 is suspended

INSERT INTO {prefix}user (id, auth, username, idnumber, firstname, lastname, email, lang, deleted, suspended) VALUES
  (1, 'manual', 'guest', '', 'Guest user', ' ', 'root@localhost', 'en', 0, 0),
  (2, 'manual', 'admin', '', 'Admin', 'Demo', 'admin@school.example', 'fr', 0, 0),
  (3, 'manual', 'claire.lefevre', 'T001', 'Claire', 'Lefèvre', 'claire.lefevre@school.example', 'fr', 0, 0),
  (4, 'manual', 'thomas.wright', 'T002', 'Thomas', 'Wright', 'thomas.wright@school.example', 'en', 0, 0),
  (5, 'manual', 'aicha.benali', 'T003', 'Aïcha', 'Benali', 'aicha.benali@school.example', 'fr', 0, 0),
  (6, 'manual', 'margaret.oneill', 'T004', 'Margaret', 'O''Neill', 'margaret.oneill@school.example', 'en', 0, 0),
  (7, 'manual', 'jean-baptiste.roux', 'T005', 'Jean-Baptiste', 'Roux', 'jean-baptiste.roux@school.example', 'fr', 0, 0),
  (8, 'manual', 'helene.deschamps', 'T006', 'Hélène', 'Deschamps', 'helene.deschamps@school.example', 'fr', 0, 0),
  (9, 'manual', 'amelie.girard', 'E1001', 'Amélie', 'Girard', 'amelie.girard@school.example', 'fr', 0, 0),
  (10, 'manual', 'benjamin.moreau', 'E1002', 'Benjamin', 'Moreau', 'benjamin.moreau@school.example', 'fr', 0, 0),
  (11, 'manual', 'charlotte.evans', 'E1003', 'Charlotte', 'Evans', 'charlotte.evans@school.example', 'en', 0, 0),
  (12, 'manual', 'daniel.hughes', 'E1004', 'Daniel', 'Hughes', 'daniel.hughes@school.example', 'en', 0, 0),
  (13, 'manual', 'elodie.faure', 'E1005', 'Élodie', 'Faure', 'elodie.faure@school.example', 'fr', 0, 0),
  (14, 'manual', 'francois.noel', 'E1006', 'François', 'Noël', 'francois.noel@school.example', 'fr', 0, 0),
  (15, 'manual', 'grace.campbell', 'E1007', 'Grace', 'Campbell', 'grace.campbell@school.example', 'en', 0, 0),
  (16, 'manual', 'henri.marchand', 'E1008', 'Henri', 'Marchand', 'henri.marchand@school.example', 'fr', 0, 0),
  (17, 'manual', 'ines.garcia', 'E1009', 'Inès', 'Garcia', 'ines.garcia@school.example', 'fr', 0, 0),
  (18, 'manual', 'james.patel', 'E1010', 'James', 'Patel', 'james.patel@school.example', 'en', 0, 0),
  (19, 'manual', 'kenza.haddad', 'E1011', 'Kenza', 'Haddad', 'kenza.haddad@school.example', 'fr', 0, 0),
  (20, 'manual', 'lea.fontaine', 'E1012', 'Léa', 'Fontaine', 'lea.fontaine@school.example', 'fr', 0, 0),
  (21, 'manual', 'mathis.perrin', 'E1013', 'Mathis', 'Perrin', 'mathis.perrin@school.example', 'fr', 0, 0),
  (22, 'manual', 'noah.taylor', 'E1014', 'Noah', 'Taylor', 'noah.taylor@school.example', 'en', 0, 0),
  (23, 'manual', 'oceane.blanc', 'E1015', 'Océane', 'Blanc', 'oceane.blanc@school.example', 'fr', 0, 0),
  (24, 'manual', 'paul.chevalier', 'E1016', 'Paul', 'Chevalier', 'paul.chevalier@school.example', 'fr', 0, 0),
  (25, 'manual', 'quentin.dubois', 'E1017', 'Quentin', 'Dubois', 'quentin.dubois@school.example', 'fr', 0, 0),
  (26, 'manual', 'rose.mitchell', 'E1018', 'Rose', 'Mitchell', 'rose.mitchell@school.example', 'en', 0, 0),
  (27, 'manual', 'sacha.robin', 'E1019', 'Sacha', 'Robin', 'sacha.robin@school.example', 'fr', 0, 0),
  (28, 'manual', 'theo.lacroix', 'E1020', 'Théo', 'Lacroix', 'theo.lacroix@school.example', 'fr', 0, 0),
  (29, 'manual', 'uma.shah', 'E1021', 'Uma', 'Shah', 'uma.shah@school.example', 'en', 0, 0),
  (30, 'manual', 'victor.gauthier', 'E1022', 'Victor', 'Gauthier', 'victor.gauthier@school.example', 'fr', 0, 0),
  (31, 'manual', 'william.turner', 'E1023', 'William', 'Turner', 'william.turner@school.example', 'en', 0, 0),
  (32, 'manual', 'yasmine.cohen', 'E1024', 'Yasmine', 'Cohen', 'yasmine.cohen@school.example', 'fr', 0, 0),
  (33, 'manual', 'zoe.lambert', 'E1025', 'Zoé', 'Lambert', 'zoe.lambert@school.example', 'fr', 0, 0),
  (34, 'manual', 'maelys.renard', 'E1026', 'Maëlys', 'Renard', 'maelys.renard@school.example', 'fr', 0, 0),
  (35, 'manual', 'oscar.bell', 'E1027', 'Oscar', 'Bell', 'oscar.bell@school.example', 'en', 0, 1),
  (36, 'manual', 'hugo.vidal@school.example.1751364000', 'E1028', 'Hugo', 'Vidal', '8d777f385d3dfec8815d20f7496026dc', 'fr', 1, 0);

UPDATE {prefix}user SET confirmed = 1, mnethostid = 1, timecreated = 1756706400, timemodified = 1756706400;

-- Categories, courses, and their contexts: 1 the system, 2 to 4 categories, 10 + id courses, 100 + id people

INSERT INTO {prefix}course_categories (id, name, parent, sortorder, depth, path) VALUES
  (1, 'Sciences', 0, 10000, 1, '/1'),
  (2, 'Humanités', 0, 20000, 1, '/2'),
  (3, 'Langues', 2, 30000, 2, '/2/3');

INSERT INTO {prefix}course (id, category, sortorder, fullname, shortname, idnumber, groupmode, lang, enablecompletion) VALUES
  (1, 0, 0, 'Collège de la Rivière', 'RIVIERE', '', 0, '', 0),
  (2, 1, 10001, 'Biologie, classe de seconde', 'BIO-2', 'C-101', 1, '', 1),
  (3, 1, 10002, 'Mathématiques, classe de première', 'MATHS-1', 'C-102', 0, '', 1),
  (4, 2, 20001, 'Histoire-géographie', 'HIST-GEO', 'C-201', 0, '', 0),
  (5, 3, 30001, 'English for beginners', 'ENG-A1', 'C-301', 0, 'en', 0),
  (6, 3, 30002, 'Français langue étrangère', 'FLE-B2', 'C-302', 0, '', 0),
  (7, 2, 20002, 'Club de débat', 'DEBAT', 'C-401', 0, '', 0);

UPDATE {prefix}course SET startdate = 1756706400, timecreated = 1756706400, timemodified = 1756706400, cacherev = 1756706400;

INSERT INTO {prefix}context (id, contextlevel, instanceid, path, depth) VALUES
  (1, 10, 0, '/1', 1),
  (2, 40, 1, '/1/2', 2),
  (3, 40, 2, '/1/3', 2),
  (4, 40, 3, '/1/3/4', 3),
  (11, 50, 1, '/1/11', 2),
  (12, 50, 2, '/1/2/12', 3),
  (13, 50, 3, '/1/2/13', 3),
  (14, 50, 4, '/1/3/14', 3),
  (15, 50, 5, '/1/3/4/15', 4),
  (16, 50, 6, '/1/3/4/16', 4),
  (17, 50, 7, '/1/3/17', 3);

INSERT INTO {prefix}context (id, contextlevel, instanceid, path, depth)
  SELECT 100 + id, 30, id, CONCAT('/1/', 100 + id), 2 FROM {prefix}user WHERE deleted = 0;

-- Enrolment methods: 2, 3 … are `manual` in the courses 2, 3 …; 20 + course `self`, 30 + course `guest`, both off unless said

INSERT INTO {prefix}enrol (id, enrol, status, courseid, sortorder, roleid, customint1) VALUES
  (2, 'manual', 0, 2, 0, 5, 1),
  (3, 'manual', 0, 3, 0, 5, 1),
  (4, 'manual', 0, 4, 0, 5, NULL),
  (5, 'manual', 0, 5, 0, 5, 3),
  (6, 'manual', 0, 6, 0, 5, 1);

INSERT INTO {prefix}enrol (id, enrol, status, courseid, sortorder, roleid)
  SELECT 20 + id, 'self', IF(shortname IN ('DEBAT', 'FLE-B2'), 0, 1), id, 1, 5 FROM {prefix}course WHERE category <> 0;

INSERT INTO {prefix}enrol (id, enrol, status, courseid, sortorder, roleid)
  SELECT 30 + id, 'guest', 1, id, 2, 0 FROM {prefix}course WHERE category <> 0;

UPDATE {prefix}enrol SET timecreated = 1756706400, timemodified = 1756706400;

-- Who teaches what, who learns what

INSERT INTO {prefix}user_enrolments (enrolid, userid) VALUES
  (2, 3), (2, 4), (3, 7), (4, 8), (5, 6), (6, 5), (27, 8);

INSERT INTO {prefix}role_assignments (roleid, contextid, userid) VALUES
  (3, 12, 3), (4, 12, 4), (3, 13, 7), (3, 14, 8), (3, 15, 6), (3, 16, 5), (3, 17, 8);

INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 2, id FROM {prefix}user WHERE id BETWEEN 9 AND 17;
INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 3, id FROM {prefix}user WHERE id BETWEEN 18 AND 26;
INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 4, id FROM {prefix}user WHERE id BETWEEN 9 AND 20;
INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 5, id FROM {prefix}user WHERE id IN (9, 13, 14, 16, 17);
INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 6, id FROM {prefix}user WHERE id IN (11, 12, 15, 18, 22);
INSERT INTO {prefix}user_enrolments (enrolid, userid) SELECT 27, id FROM {prefix}user WHERE id IN (9, 12, 26, 31);

INSERT INTO {prefix}role_assignments (roleid, contextid, userid)
  SELECT 5, c.id, ue.userid
    FROM {prefix}user_enrolments ue
    JOIN {prefix}enrol e ON e.id = ue.enrolid
    JOIN {prefix}context c ON c.contextlevel = 50 AND c.instanceid = e.courseid
   WHERE ue.userid >= 9
   ORDER BY ue.id;

-- Suspended in ENG-A1: 17. Until the end of the school year in MATHS-1: 26.
UPDATE {prefix}user_enrolments
   SET timestart = 1756706400, timeend = 0, modifierid = 2, timecreated = 1756706400, timemodified = 1756706400;
UPDATE {prefix}user_enrolments SET status = 1 WHERE enrolid = 5 AND userid = 17;
UPDATE {prefix}user_enrolments SET timeend = 1782856800 WHERE enrolid = 3 AND userid = 26;
UPDATE {prefix}role_assignments SET timemodified = 1756706400, modifierid = 2;

INSERT INTO {prefix}user_lastaccess (userid, courseid, timeaccess) VALUES (9, 2, 1757000000), (10, 2, 1757003600), (9, 5, 1757007200);

-- Groups: two in BIO-2, one of them with a conversation, and one of the same name in HIST-GEO

INSERT INTO {prefix}groups (id, courseid, name) VALUES
  (1, 2, 'Groupe A'), (2, 2, 'Groupe B'), (3, 4, 'Groupe A'), (4, 4, 'Délégués');

UPDATE {prefix}groups SET timecreated = 1756706400, timemodified = 1756706400;

INSERT INTO {prefix}groups_members (groupid, userid) VALUES
  (1, 9), (1, 10), (1, 11), (1, 12), (2, 13), (2, 14), (2, 15), (3, 9), (3, 16), (4, 20);

UPDATE {prefix}groups_members SET timeadded = 1756706400;

INSERT INTO {prefix}groupings (id, courseid, name, timecreated, timemodified) VALUES (1, 2, 'Travaux pratiques', 1756706400, 1756706400);
INSERT INTO {prefix}groupings_groups (groupingid, groupid, timeadded) VALUES (1, 1, 1756706400), (1, 2, 1756706400);

INSERT INTO {prefix}message_conversations
  (id, type, name, component, itemtype, itemid, contextid, enabled, timecreated, timemodified) VALUES
  (1, 2, 'Groupe A', 'core_group', 'groups', 1, 12, 1, 1756706400, 1756706400);
INSERT INTO {prefix}message_conversation_members (conversationid, userid, timecreated)
  SELECT 1, userid, 1756706400 FROM {prefix}groups_members WHERE groupid = 1;

-- Activities of BIO-2: the announcements (everybody is subscribed), a forum with initial subscription, a quiz

INSERT INTO {prefix}forum (id, course, type, name, forcesubscribe, timemodified) VALUES
  (1, 2, 'news', 'Annonces', 1, 1756706400),
  (2, 2, 'general', 'Questions de cours', 2, 1756706400);

INSERT INTO {prefix}quiz (id, course, name, timeclose, timelimit) VALUES (1, 2, 'La cellule', 1759269600, 1800);

INSERT INTO {prefix}course_modules (id, course, module, instance, completion, completiongradeitemnumber) VALUES
  (1, 2, 1, 1, 0, NULL), (2, 2, 1, 2, 0, NULL), (3, 2, 2, 1, 2, 0);

INSERT INTO {prefix}context (id, contextlevel, instanceid, path, depth) VALUES
  (21, 70, 1, '/1/2/12/21', 4), (22, 70, 2, '/1/2/12/22', 4), (23, 70, 3, '/1/2/12/23', 4);

INSERT INTO {prefix}forum_subscriptions (userid, forum)
  SELECT userid, 2 FROM {prefix}role_assignments WHERE contextid = 12 ORDER BY id;

INSERT INTO {prefix}grade_items (id, courseid, itemname, itemtype, itemmodule, iteminstance, itemnumber, sortorder) VALUES
  (1, 2, NULL, 'course', NULL, 1, NULL, 1), (2, 2, 'La cellule', 'mod', 'quiz', 1, 0, 2);

INSERT INTO {prefix}grade_grades (itemid, userid, rawgrade, usermodified, finalgrade, timecreated, timemodified) VALUES
  (2, 9, 82, 3, 82, 1757000000, 1757000000), (1, 9, NULL, NULL, 82, NULL, 1757000000),
  (2, 10, 64.5, 3, 64.5, 1757000000, 1757000000), (1, 10, NULL, NULL, 64.5, NULL, 1757000000);

INSERT INTO {prefix}course_modules_completion (coursemoduleid, userid, completionstate, timemodified) VALUES
  (3, 9, 1, 1757000000), (3, 10, 1, 1757000000);

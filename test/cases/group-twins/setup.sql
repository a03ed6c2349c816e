INSERT INTO {groups} (id, courseid, name) VALUES (50, 4, 'Groupe A'), (51, 4, 'GROUPE A');

INSERT INTO {user} (username, mnethostid) VALUES ('remote', 7);

INSERT INTO {cache_flags} (flagtype, name, timemodified, value, expiry) VALUES
  ('accesslib/dirtyusers', '9', 1756706400, '0', 1756706500),
  ('accesslib/dirtyusers', '9', 1756706400, '2', 1756706500),
  ('accesslib/dirtycontexts', '9', 1756706400, '3', 1756706500);

DELETE FROM {modules} WHERE name IN ('forum', 'quiz');
DROP TABLE {forum}, {forum_subscriptions}, {forum_digests}, {forum_track_prefs}, {forum_read}, {quiz}, {quiz_overrides}, {quiz_attempts};

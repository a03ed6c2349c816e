INSERT INTO {config_plugins} (plugin, name, value) VALUES ('tool_sync', 'version', '2024010100');

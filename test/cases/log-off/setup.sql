UPDATE {config_plugins} SET value = 'logstore_database' WHERE plugin = 'tool_log' AND name = 'enabled_stores';

UPDATE {groups_members} SET component = 'mod_whatever' WHERE groupid = 3 AND userid = 16;

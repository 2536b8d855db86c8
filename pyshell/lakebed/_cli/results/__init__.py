"""Results of SQL: running one statement, and writing its result in a format."""

"""What verbs run in: settings, arguments, the store, the DuckDB connection and the output."""

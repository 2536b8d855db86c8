"""lakebed beside RocksDB, LMDB, SQLite and DuckDB on the same records; README.md says what is measured and how."""

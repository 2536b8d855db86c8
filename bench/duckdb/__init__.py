"""The extension's scans beside DuckDB's own ways to JSON."""

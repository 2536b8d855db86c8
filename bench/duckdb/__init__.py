"""The extension's scans beside DuckDB's own readers of JSON."""

"""DuckDB: a JSON column with the compression that DuckDB chooses."""

from __future__ import annotations

from bench.rivals.engines import duckdb_engine


class Engine(duckdb_engine.Engine):
    COMPRESSION = "auto"

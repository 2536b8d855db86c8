"""DuckDB with the compression it chooses by itself for a JSON column."""

from __future__ import annotations

from bench.rivals.engines import duckdb_engine


class Engine(duckdb_engine.Engine):
    COMPRESSION = "auto"

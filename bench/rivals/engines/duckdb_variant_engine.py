"""DuckDB: one VARIANT column, which DuckDB shreds. It answers questions; the original bytes are lost."""

from __future__ import annotations

from bench.rivals.engines import duckdb_engine


class Engine(duckdb_engine.Engine):
    COMPRESSION = "auto"
    COLUMNS = "json::VARIANT AS json"
    DIALECT = "variant"

"""DuckDB's VARIANT: values shredded into columns by DuckDB itself. It answers questions; the bytes that went in are not kept."""

from __future__ import annotations

from bench.rivals.engines import duckdb_engine


class Engine(duckdb_engine.Engine):
    COMPRESSION = "auto"
    COLUMNS = "json::VARIANT AS json"
    DIALECT = "variant"

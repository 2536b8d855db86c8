"""Parquet of typed columns that DuckDB infers over all rows, zstd. It answers questions; the bytes that went in are not kept."""

from __future__ import annotations

from bench.rivals.engines import parquet_engine


class Engine(parquet_engine.Engine):
    RECORDS = "SELECT * FROM read_ndjson('{source}', sample_size = -1)"
    DIALECT = "typed"

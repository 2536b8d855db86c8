"""Parquet: typed zstd columns that DuckDB infers over all rows. It answers questions; the original bytes are lost."""

from __future__ import annotations

from bench.rivals.engines import parquet_engine


class Engine(parquet_engine.Engine):
    RECORDS = "SELECT * FROM read_ndjson('{source}', sample_size = -1)"
    DIALECT = "typed"

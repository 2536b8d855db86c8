"""lakebed, read in Arrow batches of the records' exact text, as pyarrow, Polars and DuckDB do."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

import lakebed
from bench.rivals.engines.duckdb_engine import length


class Reader:
    def __init__(self, store: Path, cache: int) -> None:
        self.store = lakebed.open(store, mode="r", cache_bytes=cache)

    def scan(self) -> int:
        return sum(map(length, pa.RecordBatchReader.from_stream(self.store.arrow("records", columns=["_json"]))))

    def close(self) -> None:
        self.store.close()


class Engine:
    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)

"""The file alone, compressed by zstd -3 on all cores; read line by line, and by DuckDB for questions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import zstandard

from bench.records import read
from bench.rivals.engines.parquet_engine import synced


class Reader:
    def __init__(self, store: Path) -> None:
        self.file = store / "data.ndjson.zst"

    def scan(self) -> int:
        return sum(map(len, read(self.file)))

    def close(self) -> None: ...


class Engine:
    LEVEL = 3

    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        target = store / "data.ndjson.zst"
        with source.open("rb") as raw, target.open("wb") as packed:
            size = source.stat().st_size
            zstandard.ZstdCompressor(level=self.LEVEL, threads=-1).copy_stream(
                raw, packed, size=size, read_size=1 << 20
            )
        synced(target)

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  there is no cache
        return Reader(store)

    def sql(self, store: Path) -> tuple[duckdb.DuckDBPyConnection, str, str]:
        return duckdb.connect(), f"read_ndjson_objects('{store / 'data.ndjson.zst'}')", "json"

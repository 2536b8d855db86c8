"""Parquet: one zstd column of JSON text, written and read by DuckDB. Without keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

from bench.rivals.engines.duckdb_engine import MEMORY, length


class Reader:
    def __init__(self, store: Path) -> None:
        self.con = duckdb.connect(config={"memory_limit": MEMORY})
        self.file = str(store / "data.parquet")

    def scan(self) -> int:
        self.con.execute("SET threads = 1")
        batches: Any = self.con.execute("SELECT json FROM read_parquet(?)", [self.file]).to_arrow_reader(10_000)
        return sum(length(batch) for batch in batches)

    def close(self) -> None:
        self.con.close()


class Engine:
    RECORDS = "SELECT json FROM read_ndjson_objects('{source}')"
    DIALECT = "json"

    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        con = duckdb.connect()
        target = store / "data.parquet"
        records = self.RECORDS.format(source=source)
        con.execute(f"COPY ({records}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        con.close()
        synced(target)

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  there is no cache
        return Reader(store)

    def sql(self, store: Path) -> tuple[duckdb.DuckDBPyConnection, str, str]:
        return duckdb.connect(), f"read_parquet('{store / 'data.parquet'}')", self.DIALECT


def synced(file: Path) -> None:
    """Syncs a file and its directory entry, as the stores do."""
    for path in (file, file.parent):
        number = os.open(path, os.O_RDONLY)
        os.fsync(number)
        os.close(number)

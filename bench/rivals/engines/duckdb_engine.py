"""DuckDB: one JSON column compressed with zstd, loaded by DuckDB's own reader and checkpointed. It has no keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc

# As much as the other engines get for their caches.
MEMORY = "512MiB"


def length(batch: Any) -> int:
    """The bytes of a batch of one column of strings."""
    column = batch.column(0)
    return int(pc.sum(pc.binary_length(getattr(column, "storage", column))).as_py() or 0)


class Reader:
    def __init__(self, store: Path) -> None:
        self.con = duckdb.connect(str(store / "data.duckdb"), read_only=True, config={"memory_limit": MEMORY})

    def scan(self) -> int:
        self.con.execute("SET threads = 1")
        return sum(map(length, self.con.execute("SELECT json FROM records").to_arrow_reader(10_000)))

    def close(self) -> None:
        self.con.close()


class Engine:
    COMPRESSION = "zstd"
    COLUMNS = "json"
    DIALECT = "json"

    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        con = duckdb.connect(str(store / "data.duckdb"))
        con.execute(f"PRAGMA force_compression = '{self.COMPRESSION}'")
        con.execute(f"CREATE TABLE records AS SELECT {self.COLUMNS} FROM read_ndjson_objects(?)", [str(source)])
        con.execute("CHECKPOINT")
        con.close()

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  it decides what of its memory is cache
        return Reader(store)

    def sql(self, store: Path) -> tuple[duckdb.DuckDBPyConnection, str, str]:
        return duckdb.connect(str(store / "data.duckdb"), read_only=True), "records", self.DIALECT

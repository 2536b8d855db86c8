"""DuckDB: one JSON column compressed with zstd, loaded by DuckDB's reader and checkpointed. Without keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc

# The size of the other engines' caches.
MEMORY = "512MiB"


def length(batch: Any) -> int:
    """Bytes of the strings in a batch of one column."""
    column = batch.column(0)
    return int(pc.sum(pc.binary_length(getattr(column, "storage", column))).as_py() or 0)


class Reader:
    def __init__(self, store: Path) -> None:
        self.con = duckdb.connect(str(store / "data.duckdb"), read_only=True, config={"memory_limit": MEMORY})

    def scan(self) -> int:
        self.con.execute("SET threads = 1")
        batches: Any = self.con.execute("SELECT json FROM records").to_arrow_reader(10_000)
        return sum(length(batch) for batch in batches)

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

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  DuckDB sizes its cache itself
        return Reader(store)

    def sql(self, store: Path) -> tuple[duckdb.DuckDBPyConnection, str, str]:
        return duckdb.connect(str(store / "data.duckdb"), read_only=True), "records", self.DIALECT

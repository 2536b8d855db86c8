"""DuckDB: one JSON column compressed with zstd, loaded by DuckDB's own reader and checkpointed. It has no keys."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.compute as pc


class Reader:
    def __init__(self, store: Path) -> None:
        self.con = duckdb.connect(str(store / "data.duckdb"), read_only=True)

    def scan(self) -> int:
        self.con.execute("SET threads = 1")
        batches = self.con.execute("SELECT json FROM records").to_arrow_reader(10_000)
        return sum(pc.sum(pc.binary_length(batch.column(0))).as_py() for batch in batches)

    def close(self) -> None:
        self.con.close()


class Engine:
    COMPRESSION = "zstd"
    COLUMNS = "json"

    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        con = duckdb.connect(str(store / "data.duckdb"))
        con.execute(f"PRAGMA force_compression = '{self.COMPRESSION}'")
        con.execute(f"CREATE TABLE records AS SELECT {self.COLUMNS} FROM read_ndjson_objects(?)", [str(source)])
        con.execute("CHECKPOINT")
        con.close()

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  its buffer pool takes what memory there is
        return Reader(store)

"""DuckDB: a table with the typed columns that its reader infers over all rows. The original bytes are lost."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.rivals.engines import duckdb_engine


class Engine(duckdb_engine.Engine):
    DIALECT = "typed"

    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        con = duckdb.connect(str(store / "data.duckdb"))
        con.execute("CREATE TABLE records AS SELECT * FROM read_ndjson(?, sample_size = -1)", [str(source)])
        con.execute("CHECKPOINT")
        con.close()

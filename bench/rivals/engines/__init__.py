"""One module an engine. Each has a class `Engine` with the same face, set up as its users would for this work.

    ingest(source, store)    a new store from a file of NDJSON; durable, closed and at its final size when it returns
    open(store, cache)       a reader with `cache` bytes for decoded blocks, where the engine has such a cache
    reader.key(raw)          what `get` takes for a 32-byte BLAKE3 (worked out before the clock starts)
    reader.get(key)          the record's bytes
    reader.scan()            every record's length added up, all bytes touched

An engine without keys or scans has no such method, and the report leaves its cell empty.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

# How reports call them.
TITLES = {
    "lakebed": "lakebed",
    "rocksdb": "RocksDB zstd 16K + dictionary",
    "lmdb": "LMDB",
    "sqlite": "SQLite",
    "duckdb": "DuckDB zstd",
    "duckdb_key": "DuckDB zstd + hash",
    "duckdb_json": "DuckDB default",
}
NEEDS = {"lakebed": "lakebed", "rocksdb": "rocksdict", "lmdb": "lmdb", "sqlite": "sqlite3"}


def available() -> list[str]:
    """The engines whose packages are installed."""
    return [name for name in TITLES if importlib.util.find_spec(NEEDS.get(name, "duckdb"))]


def load(name: str) -> Any:
    return importlib.import_module(f"bench.rivals.engines.{name}_engine").Engine()

"""One module for each engine. Each has a class `Engine` with the same methods, configured as its users would.

    ingest(source, store)    a new store from a file of NDJSON; durable, closed and at its final size when it returns
    open(store, cache)       a reader with `cache` bytes for decoded blocks, where the engine has such a cache
    reader.key(raw)          the argument of `get` for a 32-byte BLAKE3 hash (not measured)
    reader.get(key)          the record's bytes
    reader.scan()            the sum of the records' lengths; touches all bytes
    sql(store)               a DuckDB connection, the table, and the dialect of its fields (questions.Query)

An engine without keys, scans or SQL lacks that method; the report leaves its cell empty.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

# Names in reports, in their order.
TITLES = {
    "lakebed": "lakebed",
    "lakebed_columns": "lakebed, columns",
    "lakebed_arrow": "lakebed, as Arrow",
    "lakebed_export": "lakebed, exported",
    "rocksdb": "RocksDB zstd 16K + dictionary",
    "lmdb": "LMDB",
    "sqlite": "SQLite",
    "duckdb": "DuckDB, JSON as zstd strings",
    "duckdb_key": "DuckDB, the same + hash",
    "duckdb_json": "DuckDB, JSON",
    "duckdb_variant": "DuckDB, VARIANT",
    "duckdb_typed": "DuckDB, typed table",
    "parquet": "Parquet zstd, JSON strings",
    "parquet_typed": "Parquet zstd, typed columns",
    "ndjson_zst": ".ndjson.zst (zstd -3)",
    "zstd19": "zstd -19 of the file",
}
NEEDS = {
    "lakebed": ("lakebed",),
    "lakebed_columns": ("lakebed",),
    "lakebed_arrow": ("lakebed", "pyarrow"),
    "lakebed_export": ("lakebed",),
    "rocksdb": ("rocksdict",),
    "lmdb": ("lmdb",),
    "sqlite": ("sqlite3",),
    "ndjson_zst": ("zstandard", "duckdb"),
    "zstd19": ("zstandard",),
}
# Engines that read the store of another one.
STORES = dict.fromkeys(("lakebed_arrow", "lakebed_export"), "lakebed")


def missing(name: str) -> list[str]:
    """Packages that an engine needs and that are not installed."""
    return [need for need in NEEDS.get(name, ("duckdb", "pyarrow")) if not importlib.util.find_spec(need)]


def available() -> list[str]:
    """The engines whose packages are installed."""
    return [name for name in TITLES if not missing(name)]


def load(name: str) -> Any:
    """A new `Engine` of that name."""
    return importlib.import_module(f"bench.rivals.engines.{name}_engine").Engine()

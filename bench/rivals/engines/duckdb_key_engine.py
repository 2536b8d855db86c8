"""DuckDB with zstd and a column of hashes (SHA-256: DuckDB has no BLAKE3), so that a record can be fetched by hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.rivals.engines import duckdb_engine


class Reader(duckdb_engine.Reader):
    key = staticmethod(bytes)

    @property
    def get(self) -> Callable[[bytes], bytes]:
        execute = self.con.execute

        def get(key: bytes) -> bytes:
            (text,) = execute("SELECT json FROM records WHERE key = ?", [key]).fetchone() or ("",)
            return str(text).encode()

        return get


class Engine(duckdb_engine.Engine):
    COLUMNS = "unhex(sha256(json::VARCHAR)) AS key, json"

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002
        return Reader(store)

"""DuckDB zstd with a hash beside each record (SHA-256: it has no BLAKE3), so that a record can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.rivals.engines import duckdb_engine


class Reader(duckdb_engine.Reader):
    key = staticmethod(bytes)

    @property
    def get(self) -> Callable[[bytes], bytes]:
        execute = self.con.execute
        return lambda key: execute("SELECT json FROM records WHERE key = ?", [key]).fetchone()[0].encode()


class Engine(duckdb_engine.Engine):
    COLUMNS = "unhex(sha256(json::VARCHAR)) AS key, json"

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002
        return Reader(store)

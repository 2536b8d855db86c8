"""SQLite: a rowid table with a unique index over the hash (the smallest of its layouts here), WAL, mapped reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bench.rivals.engines.pairs import batches


class Reader:
    def __init__(self, store: Path, cache: int) -> None:
        self.db = sqlite3.connect(store / "data.sqlite")
        self.db.execute(f"PRAGMA cache_size = -{max(cache >> 10, 1)}")
        self.db.execute("PRAGMA mmap_size = 4294967296")
        self.key = bytes

    @property
    def get(self) -> Callable[[bytes], bytes]:
        execute = self.db.execute
        return lambda key: execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()[0]

    def scan(self) -> int:
        return sum(len(value) for (value,) in self.db.execute("SELECT value FROM records"))

    def close(self) -> None:
        self.db.close()


class Engine:
    def ingest(self, source: Path, store: Path) -> None:
        store.mkdir()
        db = sqlite3.connect(store / "data.sqlite", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE records (key BLOB PRIMARY KEY, value BLOB)")
        for pairs in batches(source, 10_000):
            db.execute("BEGIN")
            db.executemany("INSERT OR IGNORE INTO records VALUES (?, ?)", pairs)
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)

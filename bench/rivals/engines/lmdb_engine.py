"""LMDB: uncompressed values by hash, 10,000 records a transaction, synced at each commit."""

from __future__ import annotations

from pathlib import Path

import lmdb

from bench.rivals.engines.pairs import batches


class Reader:
    def __init__(self, store: Path) -> None:
        self.env = lmdb.open(str(store), readonly=True, lock=False, map_size=1 << 38)
        self.txn = self.env.begin()
        self.key = bytes
        self.get = self.txn.get

    def scan(self) -> int:
        return sum(len(value) for value in self.txn.cursor().iternext(keys=False, values=True))

    def close(self) -> None:
        self.txn.abort()
        self.env.close()


class Engine:
    def ingest(self, source: Path, store: Path) -> None:
        env = lmdb.open(str(store), map_size=1 << 38)
        for pairs in batches(source, 10_000):
            with env.begin(write=True) as txn:
                txn.cursor().putmulti(pairs, overwrite=False)
        env.sync(True)
        env.close()

    def open(self, store: Path, cache: int) -> Reader:  # noqa: ARG002  LMDB has no cache: it maps its file
        return Reader(store)

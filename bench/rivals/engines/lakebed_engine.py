"""lakebed, its records as rows: `ingest` trains a dictionary, validates, hashes, deduplicates and infers column
types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import lakebed
import lakebed.models  # imported here so that its import is not measured


class Reader:
    def __init__(self, store: Path, cache: int) -> None:
        self.store = lakebed.open(store, mode="r", cache_bytes=cache)
        self.key = lakebed.Hash
        self.get: Callable[[lakebed.Hash], bytes] = self.store.get

    def scan(self) -> int:
        return sum(len(row.data) for row in self.store.scan("records"))

    def close(self) -> None:
        self.store.close()


class Engine:
    LAYOUT: Literal["rows", "columns"] = "rows"

    def ingest(self, source: Path, store: Path) -> None:
        with lakebed.open(store) as opened:
            opened.ingest(source, into="records", again=True, layout=self.LAYOUT)

    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)

    def sql(self, store: Path) -> tuple[Any, str, str]:
        return lakebed.connect(store), "records", "typed"

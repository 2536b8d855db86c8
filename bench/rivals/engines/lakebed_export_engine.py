"""lakebed read as `export` does it: the bytes of every row, in order, to one file object; here one that only counts them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import lakebed
import lakebed.models  # loaded at first use otherwise, which would be measured


class Count(io.RawIOBase):
    """Takes what is written and keeps its length."""

    def __init__(self) -> None:
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        length = len(data)
        self.bytes += length
        return length


class Reader:
    def __init__(self, store: Path, cache: int) -> None:
        self.store = lakebed.open(store, mode="r", cache_bytes=cache)

    def scan(self) -> int:
        count = Count()
        rows = self.store.export("records", count).rows
        return count.bytes - rows

    def close(self) -> None:
        self.store.close()


class Engine:
    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)

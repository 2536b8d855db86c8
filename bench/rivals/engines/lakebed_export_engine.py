"""lakebed, read by `export`: the bytes of all rows in order, into a file object that counts them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any, cast

import lakebed
import lakebed.models  # imported here so that its import is not measured


class Count(io.RawIOBase):
    """Counts the bytes written to it."""

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
        rows = self.store.export("records", cast("IO[bytes]", count)).rows
        return count.bytes - rows

    def close(self) -> None:
        self.store.close()


class Engine:
    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)

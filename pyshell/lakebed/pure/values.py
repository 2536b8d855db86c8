"""`Buffer`, `Row` and `Rows`: what a store hands out besides bytes and hashes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from lakebed.errors import InvalidArgument
from lakebed.pure.hash import digest

__all__ = ["Buffer", "Row", "Rows", "check_process"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Buffer(bytes):
    """The bytes of a blob, read-only, through the buffer protocol.

    A copy: before Python 3.12 a class in Python can show no memory but its own.
    """

    __slots__ = ()

    @property
    def mapped(self) -> bool:
        """Whether it shows the store's file without a copy."""
        return False

    def __repr__(self) -> str:
        return f"<lakebed.Buffer of {len(self):,} bytes>"


class Row:
    """A row of a collection."""

    __slots__ = ("_hash_of", "_time", "blob", "data", "file", "line", "seq")

    def __init__(
        self,
        seq: int,
        data: bytes,
        blob: int,
        file: str | None,
        line: int | None,
        time: int,
        hash_of: Callable[[bytes], Any],
    ) -> None:
        self.seq = seq
        self.data = data
        self.blob = blob
        self.file = file
        self.line = line
        self._time = time
        self._hash_of = hash_of

    @property
    def hash(self) -> Any:
        """The hash of its bytes, computed at each access."""
        return self._hash_of(digest(self.data))

    @property
    def ingested_at(self) -> datetime:
        """When it was ingested or appended, in UTC."""
        # Times outside the years 1 to 9999 are the nearest that Python has.
        return _EPOCH + timedelta(microseconds=max(-62_135_596_800_000_000, min(self._time, 253_402_300_799_999_999)))

    def json(self) -> Any:
        """Its bytes, parsed with `json.loads`."""
        return json.loads(self.data)

    def __repr__(self) -> str:
        return f"Row(seq={self.seq}, data={self.data!r})"


def check_process(process: int) -> None:
    """Raises `InvalidArgument` for what was made before this process was forked."""
    if os.getpid() != process:
        raise InvalidArgument(
            "This snapshot or iterator was made before this process was forked: make another one in the child process."
        )


class Rows:
    """An iterator over rows, in order. Threads may share it."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._process = os.getpid()
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        check_process(self._process)
        with self._lock:
            return next(self._rows)


for _cls in (Buffer, Row, Rows):
    _cls.__module__ = "lakebed"

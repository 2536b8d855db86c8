"""Rows that are read twice: once to measure the columns of a table, once to draw it."""

from __future__ import annotations

import itertools
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from lakebed._cli.render import Row

_BATCH_ROWS = 512
_MEMORY_BYTES = 16 << 20


class Spool:
    """Rows in the order they were added. Beyond 16 MiB they are in a temporary file, which is gone at the end."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115  (closed at the exit)
        self.count = 0
        """The number of rows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def added(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, each added when it is taken."""
        rows = iter(rows)
        while batch := list(itertools.islice(rows, _BATCH_ROWS)):
            pickle.dump(batch, self._file, pickle.HIGHEST_PROTOCOL)
            self.count += len(batch)
            yield from batch

    def __iter__(self) -> Iterator[Row]:
        self._file.seek(0)
        left = self.count
        while left > 0:
            batch = pickle.load(self._file)
            left -= len(batch)
            yield from batch

"""The last line of the terminal while a statement runs: its progress, once it has taken half a second."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lakebed._cli import render

if TYPE_CHECKING:
    import duckdb

_FIRST_SECONDS = 0.5
_INTERVAL_SECONDS = 0.2


class ProgressLine:
    """While entered, shows the progress of the query on a connection, or without one the time that a verb has taken.

    Call `stop` before anything else is written.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None, *, shown: bool) -> None:
        self._connection = connection
        self._done = threading.Event()
        # The line is drawn over again, which a dumb terminal cannot do.
        shown = shown and os.environ.get("TERM") != "dumb"
        self._thread = threading.Thread(target=self._draw, name="lakebed-progress", daemon=True) if shown else None

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Removes the line for good."""
        if self._thread is not None and not self._done.is_set():
            self._done.set()
            self._thread.join()

    def _draw(self) -> None:
        began = time.monotonic()
        if self._done.wait(_FIRST_SECONDS):
            return
        while True:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            text = progress_text(self._percent(), time.monotonic() - began, self._memory(), width)
            sys.stderr.write(f"\r\x1b[K{render.cut(text, width)}")
            sys.stderr.flush()
            if self._done.wait(_INTERVAL_SECONDS):
                break
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _percent(self) -> float:
        """The progress of the query in percent; -1 where it is not known."""
        if self._connection is None:
            return -1
        try:
            return float(self._connection.query_progress())
        except Exception:  # noqa: BLE001  (the connection may be closed while the shell ends)
            return -1

    def _memory(self) -> int:
        """The bytes of memory that DuckDB uses; 0 where that is not known."""
        if self._connection is None:
            return 0
        try:
            # A cursor answers while the connection runs a query.
            with self._connection.cursor() as cursor:
                found = cursor.execute(_MEMORY).fetchone()
        except Exception:  # noqa: BLE001  (as above)
            return 0
        return int(found[0] or 0) if found else 0


_MEMORY = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
_BAR_WIDTH = 20
_LEAST_SHOWN = 10_000_000
"""Bytes of memory that are worth a remark."""


def progress_text(percent: float, seconds: float, memory: int, width: int = 1000) -> str:
    """The line of a query of which `percent` are done, -1 where that is not known, after some seconds. What does not
    fit in `width` columns is left out: first the bar, then memory, then the time left."""
    is_known = 0 <= percent <= 100
    done = round(percent / 100 * _BAR_WIDTH) if is_known else 0
    bar = "━" * done + "─" * (_BAR_WIDTH - done) + " " if is_known else ""
    number = f"{percent:.0f} %, " if is_known else ""
    took = f"{seconds:.1f} s"
    left = (
        f", about {_rounded(seconds / percent * (100 - percent))} left" if 1 <= percent < 100 and seconds >= 1 else ""
    )
    used = f", {render.size(memory)} of memory" if memory >= _LEAST_SHOWN else ""
    lines = (bar + number + took + left + used, number + took + left + used, number + took + left, number + took)
    texts = [f"  {line} (Ctrl-C stops it)" for line in lines]
    return next((text for text in texts if len(text) <= width), texts[-1])


def _rounded(seconds: float) -> str:
    """A duration to the second, minute or hour."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"

"""The last line of the terminal while a statement runs: its progress, once it has taken half a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

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
            sys.stderr.write(f"\r\x1b[K{_progress_text(self._percent(), time.monotonic() - began)}")
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


def _progress_text(percent: float, seconds: float) -> str:
    known = f"{percent:.0f} %, " if 0 <= percent <= 100 else ""
    return f"  {known}{seconds:.1f} s (Ctrl-C stops it)"

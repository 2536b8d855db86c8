"""How far a query got, or that a verb goes on, shown on the last line once it has taken half a second."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import duckdb

_FIRST = 0.5
_AGAIN = 0.2


class Progress:
    """While entered, tells of the query that runs on a connection, or of a verb that runs on none. Call `stop` before anything else is
    written.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None, *, shown: bool) -> None:
        self._connection = connection
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="lakebed-progress", daemon=True) if shown else None

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Wipes the line and tells no more."""
        if self._thread is not None and not self._done.is_set():
            self._done.set()
            self._thread.join()

    def _tell(self) -> None:
        began = time.monotonic()
        if self._done.wait(_FIRST):
            return
        while True:
            sys.stderr.write(f"\r\x1b[K{line(self._share(), time.monotonic() - began)}")
            sys.stderr.flush()
            if self._done.wait(_AGAIN):
                break
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _share(self) -> float:
        if self._connection is None:
            return -1
        try:
            return float(self._connection.query_progress())
        except Exception:  # noqa: BLE001  (a closed connection, in the middle of leaving)
            return -1


def line(share: float, seconds: float) -> str:
    """What is said: percent where known, seconds, and how to stop."""
    known = f"{share:.0f} %, " if 0 <= share <= 100 else ""
    return f"  {known}{seconds:.1f} s (Ctrl-C stops it)"

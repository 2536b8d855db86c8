"""Progress, and requests to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Stop", "Ticker"]

_INTERVAL = 0.05
"""The shortest time between two calls of the progress function, in seconds."""


class Stop(Exception):
    """The caller asked to stop: by Ctrl-C, or by an exception of the progress function, which is its cause."""


class Ticker:
    """Calls the progress function, and holds Ctrl-C back until the ingest can stop: a context manager.

    In a read of an input Ctrl-C acts at once, since nobody knows how long that takes.
    """

    def __init__(self, progress: Callable[[int, int | None, int, float], object] | None) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._last = 0.0
        self._asked = False
        self._may_interrupt = False
        self._before: Any = None
        self.bytes = 0
        """Bytes of the input that are done."""
        self.total: int | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._may_interrupt:
            raise KeyboardInterrupt

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def reading(self, read: Callable[[], Any]) -> Any:
        """Calls a function that may wait. Raises `Stop`."""
        self._may_interrupt = True
        try:
            return read()
        except KeyboardInterrupt as cause:
            raise Stop from (None if self._asked else cause)
        finally:
            self._may_interrupt = False

    def tick(self, done: int | None = None) -> None:
        """Calls the progress function if the last call is long enough ago; `done` are the bytes that are done. Raises
        `Stop`."""
        if done is not None:
            self.bytes = max(self.bytes, done)
        if self._asked or time.monotonic() - self._last >= _INTERVAL:
            self.call()

    def call(self) -> None:
        """Calls the progress function. Raises `Stop`."""
        self._last = time.monotonic()
        if self._progress is not None:
            try:
                self._progress(self.bytes, self.total, self.rows, self.seconds)
            except KeyboardInterrupt:
                raise Stop from None
            except BaseException as cause:
                raise Stop from cause
        if self._asked:
            raise Stop

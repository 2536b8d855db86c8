"""A circuit breaker: while the server is in trouble all requests wait, and from time to time one is sent as a probe."""

from __future__ import annotations

import threading
import time

from lakebed.errors import OllamaError
from lakebed.prompts.failures import Canceled

__all__ = ["CircuitBreaker"]

_LONGEST_DELAY = 60.0
"""Seconds between two probes, at most."""


class CircuitBreaker:
    """Closed while the server answers: requests pass. A failure opens it; one caller at a time probes, and a success
    closes it."""

    def __init__(self, wait: float, first_delay: float = 0.5) -> None:
        """`wait`: seconds of trouble after which the server counts as lost. `first_delay`: seconds until the first
        probe; it doubles."""
        self._wait = wait
        self._first_delay = first_delay
        self._changed = threading.Condition()
        self._open_since: float | None = None
        self._delay = first_delay
        self._next_probe = 0.0
        self._probing_thread: int | None = None
        self._canceled = False
        self.lost: OllamaError | None = None
        """The last failure, once the server counts as lost."""
        self.trouble: OllamaError | None = None
        """The last failure while the breaker is open."""
        self.answers = 0
        """The number of requests that the server answered."""

    def wait_to_send(self) -> bool:
        """Waits until this thread may send a request. Returns whether it is a probe.

        Raises `Canceled`, or `lost` once the server counts as lost.
        """
        with self._changed:
            while True:
                if self._canceled:
                    raise Canceled("The run was stopped.")
                if self.lost is not None:
                    raise self.lost
                if self._open_since is None:
                    return False
                left = self._next_probe - time.monotonic()
                if self._probing_thread is None and left <= 0:
                    self._probing_thread = threading.get_ident()
                    return True
                self._changed.wait(max(left, 0.01) if self._probing_thread is None else None)

    def failed(self, error: OllamaError) -> None:
        """Records that this thread's request failed because the server is in trouble."""
        with self._changed:
            now = time.monotonic()
            if self._open_since is None:
                self._open_since, self._delay = now, self._first_delay
            elif self._probing_thread != threading.get_ident():
                # The request was sent before the breaker opened.
                return
            else:
                self._delay = min(2 * self._delay, _LONGEST_DELAY)
            self._probing_thread = None
            self.trouble = error
            left = self._open_since + self._wait - now
            if left <= 0:
                self.lost = error
            else:
                self._next_probe = now + min(max(self._delay, error.retry_after or 0), left)
            self._changed.notify_all()

    def answered(self) -> None:
        """Records that the server answered, whatever the answer."""
        with self._changed:
            self.answers += 1
            if self._open_since is not None:
                self._open_since = self._probing_thread = self.trouble = None
                self._changed.notify_all()

    def seconds_left(self) -> float:
        """Seconds until the next probe."""
        return max(0.0, self._next_probe - time.monotonic())

    def cancel(self) -> None:
        """Lets no request pass any more: waiting threads raise `Canceled`."""
        with self._changed:
            self._canceled = True
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Waits so many seconds, at most as long as for a server in trouble. Raises `Canceled` as soon as the breaker
        is cancelled."""
        end = time.monotonic() + min(seconds, self._wait)
        with self._changed:
            while not self._canceled and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._canceled:
                raise Canceled("The run was stopped.")

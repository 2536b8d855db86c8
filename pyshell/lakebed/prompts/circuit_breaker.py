"""When the server is in trouble, everybody waits, and one request tries."""

from __future__ import annotations

import threading
import time

from lakebed.errors import OllamaError
from lakebed.prompts.failures import Canceled

_LONGEST = 60.0


class Gate:
    """Open while the server answers. Trouble closes it; from time to time one caller is let through, and its success opens it."""

    def __init__(self, wait: float, first_delay: float = 0.5) -> None:
        """`wait`: seconds of trouble after which the server counts as lost."""
        self._wait = wait
        self._first_delay = first_delay
        self._changed = threading.Condition()
        self._since: float | None = None
        self._delay = first_delay
        self._next = 0.0
        self._prober: int | None = None
        self._canceled = False
        self.lost: OllamaError | None = None
        """What went wrong until the waiting ended."""
        self.trouble: OllamaError | None = None
        """What goes wrong now."""
        self.answers = 0
        """How often the server answered."""

    def enter(self) -> None:
        """Waits until a request is worth sending. Raises `Canceled`, or the error after which the server counts as lost."""
        with self._changed:
            while True:
                if self._canceled:
                    raise Canceled("The run was stopped.")
                if self.lost is not None:
                    raise self.lost
                if self._since is None:
                    return
                left = self._next - time.monotonic()
                if self._prober is None and left <= 0:
                    self._prober = threading.get_ident()
                    return
                self._changed.wait(max(left, 0.01) if self._prober is None else None)

    def failed(self, error: OllamaError) -> None:
        """The server was in trouble."""
        with self._changed:
            now = time.monotonic()
            if self._since is None:
                self._since, self._delay = now, self._first_delay
            elif self._prober != threading.get_ident():
                # It was sent before the trouble was known.
                return
            else:
                self._delay = min(2 * self._delay, _LONGEST)
            self._prober = None
            self.trouble = error
            left = self._since + self._wait - now
            if left <= 0:
                self.lost = error
            else:
                self._next = now + min(max(self._delay, error.retry_after or 0), left)
            self._changed.notify_all()

    def answered(self) -> None:
        """The server answered, whatever it said."""
        with self._changed:
            self.answers += 1
            if self._since is not None:
                self._since = self._prober = self.trouble = None
                self._changed.notify_all()

    def left(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self._next - time.monotonic())

    def cancel(self) -> None:
        """Lets nobody through any more."""
        with self._changed:
            self._canceled = True
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Waits this long, unless everything is cancelled."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._canceled and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._canceled:
                raise Canceled("The run was stopped.")

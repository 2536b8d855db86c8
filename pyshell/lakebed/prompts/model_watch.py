"""Watching the digest of a model while a run goes on: a model that is pulled or created anew gets another one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lakebed.errors import OllamaError
from lakebed.prompts import server_models
from lakebed.prompts.client import Client
from lakebed.prompts.failures import Canceled

__all__ = ["ModelWatch"]

_INTERVAL = 0.25
"""Seconds after the beginning of a reply until its version is confirmed, unless that is wanted earlier."""
_LONGEST_REST = 1.0
"""After each look the watch rests for as long as the look took, and so many seconds at most."""
_REST_AFTER_FAILURE = 0.5
"""Seconds from a look that failed to the next one."""


@dataclass
class _Version:
    digest: str
    seen: float
    """When the last look that found it began."""


def _ignore() -> None:
    """Does nothing."""


class ModelWatch:
    """The versions of a model that the server lists during a run. Its methods may be called from several threads.

    A server chooses the version when a request arrives. So a reply is of a version if the server listed it before the
    request was sent, and again after the reply had begun. A thread looks when a reply has begun, a short time later or
    as soon as it is wanted, and never without a reply to confirm.
    """

    def __init__(self, connect: Callable[[], Client], host: str, model: str, digest: str) -> None:
        """`connect` makes a client, of which the first look has need; `digest` is the one known so far."""
        self._connect = connect
        self._host = host
        self._model = model
        self._looking = threading.Lock()
        self._changed = threading.Condition()
        self._versions = [_Version(digest, 0.0)]
        self._client: Client | None = None
        self._thread: threading.Thread | None = None
        self._wake: Callable[[], None] = _ignore
        self._began = 0.0
        self._unconfirmed: float | None = None
        self._wanted = 0.0
        self._next = 0.0
        self._closed = False
        self.failures = 0
        """The number of looks that failed since the last one that did not."""

    def start(self, wake: Callable[[], None]) -> None:
        """Calls `wake`, from the thread, after each look of the thread."""
        self._wake = wake

    @property
    def digest(self) -> str:
        """The digest at the last look; empty if the server does not have the model or names no digest."""
        return self._versions[-1].digest

    @property
    def epoch(self) -> int:
        """The number of the version at the last look; another one after each change."""
        return len(self._versions) - 1

    # --- Replies ---

    def reply_begins(self) -> float:
        """Records that a reply begins now. Returns the moment, for `digest_of`."""
        now = time.monotonic()
        with self._changed:
            self._began = now
            if self._unconfirmed is None:
                self._unconfirmed = now
                self._notify()
        return now

    def digest_of(self, epoch: int, began: float) -> str | None:
        """The digest of a reply that began in this moment, to a request that was sent in this epoch. Empty if the
        version changed in between; None as long as no look has begun after the reply."""
        with self._changed:
            version = self._versions[epoch]
            if version.seen >= began:
                return version.digest
            return "" if epoch < len(self._versions) - 1 else None

    def want(self, moment: float) -> None:
        """Has the thread look as soon as it may, unless a look has begun since `moment`."""
        with self._changed:
            if moment > self._wanted:
                self._wanted = moment
                self._notify()

    def confirm(self, began: float, seconds: float) -> None:
        """Waits for a look that has begun after this moment, until one fails, at most so many seconds."""
        end = time.monotonic() + seconds
        with self._changed:
            failures = self.failures
            self.want(began)
            while not self._closed and self._versions[-1].seen < began and self.failures <= failures:
                if (left := end - time.monotonic()) <= 0:
                    return
                self._changed.wait(left)

    # --- Looks ---

    def look(self) -> None:
        """Reads the digest. Raises `OllamaError`, `Canceled`."""
        with self._looking:
            if self._closed:
                raise Canceled("The run was stopped.")
            client = self._client
            if client is None:
                client = self._client = self._connect()
                if self._closed:
                    raise Canceled("The run was stopped.")
            start = time.monotonic()
            try:
                info = server_models.listed(client, self._host, self._model)
            except OllamaError:
                with self._changed:
                    self.failures += 1
                    self._next = time.monotonic() + _REST_AFTER_FAILURE
                    self._changed.notify_all()
                raise
            finally:
                if self._client is not client:
                    client.close()
            self._saw(info.digest if info is not None else "", start)

    def _saw(self, digest: str, start: float) -> None:
        """Takes the outcome of a look that began at `start`."""
        now = time.monotonic()
        with self._changed:
            self.failures = 0
            self._next = now + min(now - start, _LONGEST_REST)
            if digest == self._versions[-1].digest:
                self._versions[-1].seen = start
            else:
                self._versions.append(_Version(digest, start))
            self._unconfirmed = self._began if self._began > start else None
            self._changed.notify_all()

    def _notify(self) -> None:
        """Wakes the thread, which is started when there is something to do."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="lakebed-model-watch", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while self._wait_until_due():
            # A server that cannot be asked is no error here: its next request finds out.
            with contextlib.suppress(OllamaError, Canceled):
                self.look()
            self._wake()

    def _wait_until_due(self) -> bool:
        """Waits until a look is due. Returns False once the watch is closed."""
        with self._changed:
            while not self._closed:
                left: float | None = None
                if self._wanted > self._versions[-1].seen:
                    left = self._next - time.monotonic()
                elif self._unconfirmed is not None:
                    left = max(self._next, self._unconfirmed + _INTERVAL) - time.monotonic()
                if left is not None and left <= 0:
                    return True
                self._changed.wait(left)
            return False

    # --- The end ---

    def abort(self) -> None:
        """Ends a running look; from any thread. Later looks have a client of their own."""
        client, self._client = self._client, None
        if client is not None:
            client.abort()
            if self._looking.acquire(blocking=False):
                client.close()
                self._looking.release()

    def close(self) -> None:
        """Ends the thread and closes the client; later looks fail."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._client is not None:
            self._client.abort()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._client is not None:
            self._client.close()

"""Watching the digest of a model while a run goes on: a model that is pulled or created anew gets another one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from lakebed.errors import OllamaError
from lakebed.prompts import server_models
from lakebed.prompts.client import Client
from lakebed.prompts.failures import Canceled

__all__ = ["ModelWatch"]

_CHEAP = 0.05
"""Seconds that a look may take to be repeated whenever it is useful."""
_SHARE = 20
"""A look that takes longer is repeated after so many times its duration."""
_LONGEST_INTERVAL = 60.0
"""Seconds between two looks, at most."""


class ModelWatch:
    """The digest of a model as the server lists it. Its methods may be called from several threads."""

    def __init__(self, connect: Callable[[], Client], host: str, model: str, digest: str) -> None:
        """`connect` makes a client, of which the first look has need; `digest` is the one known so far."""
        self._connect = connect
        self._host = host
        self._model = model
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._next = 0.0
        self._closed = False
        self.digest = digest
        """The digest at the last look; empty if the server does not have the model or names no digest."""
        self.epoch = 0
        """The number of changes seen. A reply is of `digest` if this was the same when its request was sent."""

    def look(self) -> None:
        """Reads the digest. Raises `OllamaError`, `Canceled`."""
        with self._lock:
            if self._closed:
                raise Canceled("The run was stopped.")
            if self._client is None:
                self._client = self._connect()
            start = time.monotonic()
            try:
                info = server_models.listed(self._client, self._host, self._model)
            finally:
                end = time.monotonic()
                took = end - start
                self._next = end + (min(_LONGEST_INTERVAL, _SHARE * took) if took > _CHEAP else 0)
            digest = info.digest if info is not None else ""
            if digest != self.digest:
                self.digest = digest
                self.epoch += 1

    def look_if_due(self, *, always: bool = False) -> bool:
        """Reads the digest, unless looks take long and the last one was a short time ago; with `always` also then.

        Returns whether it was read. A server that cannot be asked is no error here: its next request finds out.
        """
        if not always and time.monotonic() < self._next:
            return False
        with contextlib.suppress(OllamaError, Canceled):
            self.look()
            return True
        return False

    def abort(self) -> None:
        """Ends a running look, and lets later ones fail; from any thread."""
        self._closed = True
        if (client := self._client) is not None:
            client.abort()

    def close(self) -> None:
        """Closes the client."""
        self._closed = True
        if self._client is not None:
            self._client.close()

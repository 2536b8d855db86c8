"""Ctrl-C while DuckDB works.

The thread that runs a query may wait inside DuckDB for another one that does the work, and Python's own handler does not run until that
wait is over. A thread of our own hears of the signal at once and tells DuckDB, whose call then ends with an error.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


_HEARD = threading.Event()
"""Whether a signal came since `interruptible` was entered."""


def heard() -> None:
    """To be called by a handler of Ctrl-C, before it raises what may get lost where it is raised."""
    _HEARD.set()


def check() -> None:
    """Raises KeyboardInterrupt where a Ctrl-C came. Whoever waits for something else than DuckDB asks now and then: a signal that comes
    right before a call that blocks, or in code that drops what the handler raised, does not end that call.
    """
    if _HEARD.is_set():
        _HEARD.clear()
        raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible(connection: duckdb.DuckDBPyConnection, numbers: Collection[int] = (signal.SIGINT,)) -> Iterator[None]:
    """While this is entered, Ctrl-C interrupts what `connection` runs in the main thread, and raises KeyboardInterrupt after it. So do
    other signals with these numbers, as far as their handlers raise something.

    In other threads, which signals never reach, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _HEARD.clear()
    ears, told = socket.socketpair()
    told.setblocking(False)

    def listen() -> None:
        while signals := ears.recv(64):
            if not set(signals).isdisjoint(numbers):
                connection.interrupt()
                _HEARD.set()

    listener = threading.Thread(target=listen, name="lakebed-interrupt", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        ears.close()

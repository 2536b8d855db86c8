"""Ctrl-C for queries.

DuckDB looks at Python's signals only while it waits, not while the main thread itself works on a query, which may be all the time. So
a thread is told of the signal by the system and interrupts the connection.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def interrupting(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Lets Ctrl-C stop whatever runs on the connection. Only in the main thread, where signals are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while byte := heard.recv(1):
            if byte[0] == signal.SIGINT:
                connection.interrupt()

    listener = threading.Thread(target=listen, name="lakebed-interrupts", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        heard.close()

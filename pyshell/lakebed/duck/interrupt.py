"""Ctrl-C while DuckDB runs a query.

The thread that runs a query may wait inside DuckDB for another thread, and Python's signal handler does not run until
that wait ends. A thread of this module receives the signal at once and interrupts DuckDB, whose call then ends with an
error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


_pending = threading.Event()
"""Whether a signal has arrived since `interruptible` was entered."""


def note_interrupt() -> None:
    """Records a Ctrl-C. A handler calls it before it raises, because the code that it interrupts may swallow the
    exception."""
    _pending.set()


def raise_if_interrupted() -> None:
    """Raises `KeyboardInterrupt` if a Ctrl-C was recorded.

    Code that waits for something other than DuckDB calls it now and then: a signal that arrives right before a blocking
    call, or in code that swallows the handler's exception, does not end that call.
    """
    if _pending.is_set():
        _pending.clear()
        raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Whether a Ctrl-C was recorded that nothing has raised."""
    return _pending.is_set()


def forget_interrupt() -> None:
    """Forgets a Ctrl-C that was recorded: it was meant for a program that had the terminal."""
    _pending.clear()


@contextlib.contextmanager
def interruptible(connection: duckdb.DuckDBPyConnection, numbers: Collection[int] = (signal.SIGINT,)) -> Iterator[None]:
    """A context in which Ctrl-C interrupts the query that `connection` runs in the main thread.

    `numbers` are the signals that interrupt; their handlers raise the exception, for Ctrl-C `KeyboardInterrupt`. In
    other threads, which receive no signals, it has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _pending.clear()
    receive, send = os.pipe()
    os.set_blocking(send, False)

    def listen() -> None:
        while signals := os.read(receive, 64):
            if not set(signals).isdisjoint(numbers):
                # Set first: whoever sees the interrupted query fail can tell why.
                _pending.set()
                connection.interrupt()

    listener = threading.Thread(target=listen, name="lakebed-interrupt", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(send, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(send)
        listener.join()
        os.close(receive)

"""The lock of the one writer, and the text of LOCK."""

from __future__ import annotations

import contextlib
import os
import time

from lakebed.errors import StoreLocked
from lakebed.pure import locks
from lakebed.pure.context import LOCK, Context, now
from lakebed.pure.damage import io_error
from lakebed.pure.files import write_all
from lakebed.pure.format.lock_text import LockText

__all__ = ["WriterLock"]

_TEMPORARY = ".LOCK.tmp"
_PAUSE = 0.02
"""Seconds between two attempts."""


class WriterLock:
    """The writer's lock, while it is held."""

    def __init__(self, context: Context) -> None:
        """Take it. Raises `StoreLocked` after `lock_timeout` seconds, `StoreIOError`."""
        self.context = context
        self.process = os.getpid()
        self.descriptor = -1
        began = time.monotonic()
        try:
            while not self._try():
                waited = time.monotonic() - began
                if waited >= context.options.lock_timeout:
                    raise StoreLocked(self._told(waited))
                time.sleep(_PAUSE)
        except OSError as problem:
            self.close()
            if isinstance(problem, StoreLocked):
                raise
            raise io_error(problem, f"Locking {context.directory.shown(LOCK)}") from problem
        self.text = LockText(os.getpid(), context.options.command, now(), context.lock_text().synced)
        self._write()

    def _try(self) -> bool:
        """Open LOCK and lock it; whether that is done. Raises `OSError`."""
        directory = self.context.directory
        self.close()
        self.descriptor = directory.open(LOCK, os.O_RDWR | os.O_CREAT)
        if not locks.try_write_lock(self.descriptor):
            if locks.holder(self.descriptor) == "reader":
                # A program that is no writer keeps a shared lock: it keeps its file, and gets no say.
                with contextlib.suppress(OSError):
                    self._copy()
                    return True
            return False
        if not self.is_named():
            return False
        if os.fstat(self.descriptor).st_nlink > 1:
            self._copy()
        return True

    def is_named(self) -> bool:
        """Whether the name LOCK still leads to the locked file. Raises `OSError`."""
        named = self.context.directory.stat(LOCK)
        here = os.fstat(self.descriptor)
        return named is not None and (named.st_dev, named.st_ino) == (here.st_dev, here.st_ino)

    def _copy(self) -> None:
        """Put a locked copy in the place of LOCK. Raises `OSError`."""
        directory = self.context.directory
        data = os.pread(self.descriptor, 1 << 16, 0)
        copy = directory.open(_TEMPORARY, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            if not locks.try_write_lock(copy):
                raise OSError(11, "another writer makes a copy of LOCK too")
            write_all(copy, data, 0)
            os.fsync(copy)
            directory.rename(_TEMPORARY, LOCK)
            directory.sync()
        except BaseException:
            os.close(copy)
            raise
        self.close()
        self.descriptor = copy

    def _told(self, waited: float) -> str:
        """Who holds the lock, in a sentence."""
        text = self.context.lock_text()
        who, advice = "another process", "try again when it has committed, or allow a longer lock_timeout"
        if text.pid == os.getpid():
            who, advice = "another store object of this same process", "commit or close that one first"
        elif text.pid is not None:
            who = f"process {text.pid} ({text.command})" if text.command else f"process {text.pid}"
        return f"{self.context.path} is being written by {who}, and stayed so for the {waited:.1f} s that were waited; {advice}."

    def synced(self, number: int) -> None:
        """Note the number of the last commit whose sync returned. Raises `OSError`."""
        self.text = self.text._replace(synced=number)
        self._write()

    def _write(self) -> None:
        os.pwrite(self.descriptor, self.text.encode(), 0)

    def close(self) -> None:
        """Let the lock go. In a child made by `fork` only the descriptor is closed: the lock is the parent's."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if self.process == os.getpid():
                locks.unlock(descriptor)
        os.close(descriptor)

    def __del__(self) -> None:
        self.close()

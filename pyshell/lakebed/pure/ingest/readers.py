"""Bytes of inputs, read piece by piece.

A reader has `read(size)`: at most so many bytes; none at the end; None when nothing comes for the moment.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["FileReader", "FollowedFile", "ObjectReader", "Reader"]

_LULL = 0.05
"""Seconds that a stream may give nothing."""
_INTERVAL = 0.1
"""Seconds between two looks at a file that did not grow."""


class Reader(Protocol):
    """See the module."""

    def read(self, size: int) -> bytes | None: ...
    def close(self) -> None: ...


class FileReader:
    """A regular file."""

    def __init__(self, path: str) -> None:
        """Raises `OSError`."""
        self._file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115  (closed by `close`)

    def read(self, size: int) -> bytes | None:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()


class ObjectReader:
    """A file object. It is read by the calling thread; where it has a descriptor, reads do not wait for longer than a
    lull."""

    def __init__(self, file: Any, *, is_ours: bool = False) -> None:
        """`is_ours`: it is closed with the reader. Raises `TypeError` for what is no binary file object."""
        read = getattr(file, "read1", None) or getattr(file, "read", None)
        if read is None:
            raise TypeError(f"an input is a path or a file object, not {type(file).__name__}")
        if isinstance(file, io.TextIOBase):
            raise TypeError('the file gives text: open it in binary mode, open(path, "rb")')
        self._file = file
        self._read: Callable[[int], Any] = read
        self._is_ours = is_ours
        self._descriptor = _waiting_descriptor(file)
        self._ended = False

    def read(self, size: int) -> bytes | None:
        if self._descriptor is not None and not select.select([self._descriptor], [], [], _LULL)[0]:
            return None
        found = self._read(size)
        if isinstance(found, str):
            raise TypeError('the file gives text: open it in binary mode, open(path, "rb")')
        if found is None:
            time.sleep(_LULL)
            return None
        if not found and not self._ended:
            # Ctrl-C also ends the program at the other end of a pipe: a second read notices it.
            self._ended = True
            return self.read(size)
        self._ended = not found
        return bytes(found)

    def close(self) -> None:
        if self._is_ours:
            self._file.close()


def _waiting_descriptor(file: Any) -> int | None:
    """The descriptor of a pipe, a terminal or a socket, behind which nothing is buffered; None for other objects."""
    if not isinstance(file, io.BufferedReader | io.FileIO) or os.name != "posix":
        return None
    with contextlib.suppress(OSError, ValueError):
        descriptor = file.fileno()
        buffered = isinstance(file, io.BufferedReader) and not isinstance(file.raw, io.FileIO)
        if not file.seekable() and not buffered:
            return descriptor
    return None


class FollowedFile:
    """A file that may grow: it is the file that was opened, whatever its path names later."""

    def __init__(self, path: str) -> None:
        """Raises `OSError`."""
        self._path = path
        self._file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115  (closed by `close`)
        self._replaced = False
        self._next_look = 0.0
        self.waits = False
        """Whether reads wait at the end of the file."""

    def rewind(self) -> None:
        """Reads from the first byte again."""
        self._file.seek(0)

    def read(self, size: int) -> bytes | None:
        """As of a reader. The end is where another file has the name, or this one was cut."""
        found = self._file.read(size)
        if found or not self.waits or self._replaced:
            return found
        own = os.fstat(self._file.fileno())
        if own.st_size < self._file.tell():
            return b""
        with contextlib.suppress(OSError):
            there = os.stat(self._path)  # noqa: PTH116
            # What is written between the last read and the renaming is read by one more round.
            self._replaced = (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)
        if not self._replaced:
            time.sleep(_INTERVAL)
        return None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

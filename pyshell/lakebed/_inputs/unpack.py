"""Decompression of what the engine does not decompress: xz and bzip2."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, Any, cast

from lakebed.errors import BadRecord

__all__ = ["BZ2", "XZ", "Unpacked", "unpacked"]

XZ = b"\xfd7zXZ\x00"
"""The first bytes of xz data."""
BZ2 = b"BZh"
"""The first bytes of bzip2 data."""


class Unpacked:
    """A file object of the decompressed bytes of another one, with errors that name the damage."""

    def __init__(self, file: IO[bytes], inner: Any, what: str, name: str) -> None:
        self._file = file
        self._inner = inner
        self._what = what
        self.name = name

    def read1(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        try:
            return cast("bytes", self._inner.read1(size))
        except EOFError as problem:
            message = f"{self.name}: the {self._what} data is cut off; copy or fetch the file again."
            raise BadRecord(message) from problem
        except (lzma.LZMAError, zlib.error, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno is not None:
                raise
            message = f"{self.name}: the {self._what} data is damaged ({problem}); copy or fetch the file again."
            raise BadRecord(message) from problem

    def close(self) -> None:
        """Closes both."""
        self._inner.close()
        self._file.close()


def unpacked(file: IO[bytes], name: str = "") -> Any:
    """A file object of the decompressed bytes of `file`, if it is xz or bzip2; else `file`. Its beginning can be seen:
    it has `peek`."""
    begin = file.peek(6)[:6]  # type: ignore[attr-defined]
    name = name or str(getattr(file, "name", "<stream>"))
    if begin.startswith(XZ):
        return Unpacked(file, lzma.LZMAFile(file), "xz", name)
    if begin.startswith(BZ2):
        return Unpacked(file, bz2.BZ2File(file), "bzip2", name)
    return file

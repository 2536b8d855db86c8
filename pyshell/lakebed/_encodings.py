"""Encodings of files that the backend makes: compression, and Arrow's file format."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from typing import IO, cast

from lakebed import _backend
from lakebed._records import ArrowStreamExportable

__all__ = ["arrow_pieces", "compressed"]

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


class _ZstdWriter:
    """Writes one zstd frame."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._stream = _backend.current().ZstdStream(_ZSTD_LEVEL)

    def write(self, data: bytes | memoryview) -> int:
        if piece := self._stream.compress(bytes(data)):
            self._target.write(piece)
        return len(data)

    def writelines(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        """What is not compressed yet waits for more."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    closed = False

    def finish(self) -> None:
        self._target.write(self._stream.finish())


def arrow_pieces(table: ArrowStreamExportable) -> Iterator[bytes]:
    """The bytes of an Arrow file (IPC) with the rows of a table, in pieces."""
    return iter(_backend.current().ArrowFile(table))


@contextlib.contextmanager
def compressed(target: IO[bytes], compression: str) -> Iterator[IO[bytes]]:
    """A stream whose bytes arrive at `target` compressed: `gz`, `zst`, or "" for as they are."""
    if compression == "gz":
        # The same rows are the same bytes: no name, no time.
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, target, mtime=0) as stream:
            yield cast("IO[bytes]", stream)
    elif compression == "zst":
        writer = _ZstdWriter(target)
        yield cast("IO[bytes]", writer)
        writer.finish()
    else:
        yield target

"""Encodings of files that the backend makes: compression, and Arrow's file format."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from typing import IO, cast

from lakebed import _backend
from lakebed._records import ArrowStreamExportable
from lakebed.errors import BadRecord

__all__ = ["arrow_pieces", "compressed", "zstd_pieces"]

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_ZSTD_READ = 4096
"""Bytes of a zstd file that are decompressed at a time."""


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


def zstd_pieces(file: IO[bytes], name: str) -> Iterator[bytes]:
    """What a zstd file holds, in pieces. Raises `BadRecord`, naming the file, where it is damaged or cut off."""
    decoder = _backend.current().ZstdDecoder()
    try:
        # A few bytes may stand for very many.
        while data := file.read(_ZSTD_READ):
            yield decoder.decompress(data)
    except BadRecord as problem:
        message = f"{name} cannot be unpacked: {problem.message.rstrip('.')}; copy or fetch the file again."
        raise BadRecord(message) from problem
    if not decoder.is_whole:
        message = f"{name}: the zstd data is cut off; copy or fetch the file again."
        raise BadRecord(message)


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

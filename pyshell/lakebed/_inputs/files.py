"""Files as inputs, by their content and, where that says nothing, by their name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from lakebed._inputs import archives, names, tables
from lakebed._inputs.made import Made
from lakebed.errors import BadRecord

__all__ = ["Unpacked", "of_file_object", "of_path", "unpacked"]

_XZ = b"\xfd7zXZ\x00"
_BZ2 = b"BZh"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_TAR_BYTES = 512


def of_path(path: str, name: str | None = None) -> Iterator[str | Made]:
    """The inputs that a file stands for: itself, or the members of an archive. `name` is the name in rows."""
    called = name or path
    begin = _beginning(path)
    form, packed = names.suffixes(called)
    if begin is None:
        # It is no regular file, or it cannot be read: the engine says why.
        yield path
    elif begin.startswith(_ZIP):
        yield from archives.of_zip(path, called)
    elif archives.is_tar(begin) or (packed != ".zst" and archives.is_tar(_unpacked_beginning(path, begin))):
        yield from archives.of_tar(path, called)
    elif form == ".tar":
        message = f"{called} is no tar archive that can be read here: unpack it first (tar -xf {called})."
        raise BadRecord(message)
    elif begin.startswith(_PARQUET):
        yield Made(called, lambda: tables.parquet(path, called), path)
    elif form in (".csv", ".tsv"):
        yield Made(called, lambda: tables.csv(path, called, form, begin), path)
    elif begin.startswith((_XZ, _BZ2)):
        yield Made(called, lambda: unpacked(_open(path), called), path)
    elif name is not None:
        yield Made(called, lambda: _open(path), path)
    else:
        yield path


def of_file_object(file: IO[bytes]) -> IO[bytes]:
    """A file object as the engine reads it: xz and bzip2 are decompressed where its beginning can be seen."""
    peek = getattr(file, "peek", None)
    if peek is None or not getattr(file, "seekable", lambda: False)():
        # To look at a pipe could take as long as it likes to say nothing.
        return file
    return unpacked(file) if peek(6)[:6].startswith((_XZ, _BZ2)) else file


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
    if begin.startswith(_XZ):
        return Unpacked(file, lzma.LZMAFile(file), "xz", name)
    if begin.startswith(_BZ2):
        return Unpacked(file, bz2.BZ2File(file), "bzip2", name)
    return file


def _open(path: str) -> IO[bytes]:
    return Path(path).open("rb")


def _beginning(path: str) -> bytes | None:
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return None
        with Path(path).open("rb") as file:
            return file.read(_TAR_BYTES)
    except (OSError, ValueError):
        return None


def _unpacked_beginning(path: str, begin: bytes) -> bytes:
    """The beginning of what a compressed file holds; empty where that cannot be read."""
    opens: Any = None
    if begin.startswith(_GZIP):
        opens = gzip.open
    elif begin.startswith(_XZ):
        opens = lzma.open
    elif begin.startswith(_BZ2):
        opens = bz2.open
    if opens is None:
        return b""
    try:
        with opens(path) as file:
            return cast("bytes", file.read(_TAR_BYTES))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return b""

"""Files as inputs, by their content and, where that says nothing, by their name."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from lakebed._encodings import zstd_pieces
from lakebed._inputs import archives, names, tables
from lakebed._inputs.made import Made
from lakebed._inputs.unpack import BZ2, XZ, unpacked
from lakebed.errors import BadRecord

__all__ = ["of_file_object", "of_path"]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_TAR_BYTES = 512


def of_path(path: str, name: str | None = None) -> Iterator[str | Made]:
    """The inputs that a file stands for: itself, or the members of an archive. `name` is the name in rows."""
    called = name or path
    begin = _beginning(path)
    form, _ = names.suffixes(called)
    if begin is None:
        # It is no regular file, or it cannot be read: the engine says why.
        yield path
    elif begin.startswith(_ZIP):
        yield from archives.of_zip(path, called)
    elif begin.startswith(_ZSTD) and archives.is_tar(_unpacked_beginning(path, begin)):
        with _without_zstd(path, called) as place:
            yield from archives.of_tar(place, called)
    elif archives.is_tar(begin) or archives.is_tar(_unpacked_beginning(path, begin)):
        yield from archives.of_tar(path, called)
    elif form == ".tar":
        message = f"{called} is no tar archive that can be read here: unpack it first (tar -xf {called})."
        raise BadRecord(message)
    elif (table := tables.opener(path, called, begin)) is not None:
        yield Made(called, table, path)
    elif begin.startswith((XZ, BZ2)):
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
    return unpacked(file) if peek(6)[:6].startswith((XZ, BZ2)) else file


@contextlib.contextmanager
def _without_zstd(path: str, name: str) -> Iterator[str]:
    """A file, until the end, with what a zstd file holds: archives are not read from front to back."""
    with tempfile.TemporaryDirectory(prefix="lakebed-") as directory:
        place = Path(directory) / "archive.tar"
        with _open(path) as file, place.open("wb") as out:
            out.writelines(zstd_pieces(file, name))
        yield str(place)


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
    if begin.startswith(_ZSTD):
        with contextlib.suppress(OSError, BadRecord), _open(path) as packed:
            return next((piece for piece in zstd_pieces(packed, path) if piece), b"")
    if begin.startswith(_GZIP):
        opens = gzip.open
    elif begin.startswith(XZ):
        opens = lzma.open
    elif begin.startswith(BZ2):
        opens = bz2.open
    if opens is None:
        return b""
    try:
        with opens(path) as file:
            return cast("bytes", file.read(_TAR_BYTES))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return b""

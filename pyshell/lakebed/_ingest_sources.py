"""What `Store.ingest` reads: paths, patterns and file objects as single sources, their names, and the collection they
go to."""

from __future__ import annotations

import errno
import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TypeAlias

from lakebed._backend import current
from lakebed.errors import InvalidArgument, StoreIOError, error

__all__ = ["IngestSource", "Source", "default_collection", "expanded", "name_of", "utf8_name"]

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes]"
"""What a caller may name: a path, a pattern, `"-"` for standard input, a file object open in binary mode."""

IngestSource: TypeAlias = "str | IO[bytes]"
"""A single input: the path of one file, or a file object."""


def expanded(source: Source | Iterable[Source]) -> Iterator[IngestSource]:
    """The single inputs that `source` names, patterns as the paths they match, in sorted order.

    Raises `StoreIOError` for a pattern that matches no file; `TypeError` for anything that is neither a path nor a file
    object.
    """
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if path == "-":
            yield sys.stdin.buffer
        elif glob.has_magic(path) and not Path(path).exists():
            found = sorted(glob.iglob(path, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
            if not found:
                message = f"No file matches the pattern {path!r}: check its directory and spelling."
                raise error(StoreIOError.kind, message, errno.ENOENT)
            yield from found
        else:
            yield path
    elif hasattr(source, "read"):
        yield source  # type: ignore[misc]
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | memoryview):
        for item in source:
            yield from expanded(item)
    else:
        raise TypeError(f"ingest takes a path or a file object, not {type(source).__name__}")


def name_of(source: object) -> str:
    """The name of a path or file object in rows and messages."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "<stream>"


def utf8_name(name: str) -> str:
    """A file's name as text that can be stored: bytes in it that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode(errors="replace")


def default_collection(sources: Sequence[IngestSource]) -> str:
    """The collection that a single file goes into when none is named. Raises `InvalidArgument` for anything else."""
    if len(sources) != 1 or not isinstance(sources[0], str):
        raise InvalidArgument('Several files, file objects and standard input need a collection: into="NAME".')
    name = current().collection_name(sources[0])
    if name is None:
        raise InvalidArgument(f'The name of {sources[0]} gives no name for a collection: name one with into="NAME".')
    return name

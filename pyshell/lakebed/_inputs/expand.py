"""The single inputs that a caller's source stands for."""

from __future__ import annotations

import errno
import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

from lakebed._backend import current
from lakebed._inputs import files, names
from lakebed._inputs.made import Made
from lakebed.errors import InvalidArgument, StoreIOError, error

__all__ = ["Input", "Named", "Source", "default_collection", "expanded", "inputs", "is_address", "name_of"]

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes]"
"""What a caller may name: a path, a pattern, a directory, an address, `"-"` for standard input, a file object open in
binary mode."""

Named: TypeAlias = "str | IO[bytes]"
"""The path of one file, an address, or a file object."""

Input: TypeAlias = "str | IO[bytes] | Made"
"""A single input: the path of a file that the engine reads, a file object, or one that is made."""


def expanded(source: Source | Iterable[Source], *, recursive: bool = False) -> Iterator[Named]:
    """The files that `source` names: patterns and, with `recursive`, directories as the files in them, in sorted order.

    Raises `StoreIOError` for a pattern that matches no file and for a directory without `recursive`; `TypeError` for
    anything that is neither a path nor a file object.
    """
    if isinstance(source, str | os.PathLike):
        yield from _of_text(os.fspath(source), recursive)
    elif hasattr(source, "read"):
        if isinstance(source, io.TextIOBase):
            raise TypeError('the file gives text: open it in binary mode, open(path, "rb")')
        yield source  # type: ignore[misc]
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | memoryview):
        for item in source:
            yield from expanded(item, recursive=recursive)
    else:
        raise TypeError(f"ingest takes a path or a file object, not {type(source).__name__}")


def _of_text(path: str, recursive: bool) -> Iterator[Named]:
    if path == "-":
        yield sys.stdin.buffer
    elif is_address(path):
        yield path
    elif glob.has_magic(path) and not Path(path).exists():
        found = sorted(glob.iglob(path, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
        if not found:
            message = f"No file matches the pattern {path!r}: check its directory and spelling."
            raise error(StoreIOError.kind, message, errno.ENOENT)
        for one in found:
            if not Path(one).is_dir():
                yield one
            elif recursive:
                yield from _in_directory(one)
    elif Path(path).is_dir():
        if not recursive:
            message = (
                f"{path} is a directory: name the files in it, as in '{path.rstrip('/')}/*.ndjson', or take all of them "
                "(--recursive, recursive=True)."
            )
            raise error(StoreIOError.kind, message, errno.EISDIR)
        yield from _in_directory(path)
    else:
        yield path


def is_address(path: str) -> bool:
    """Whether it is an address of the web."""
    return path.lower().startswith(("http://", "https://"))


def inputs(named: Named) -> Iterator[Input]:
    """The inputs in a file, at an address or of a file object: one, or the members of an archive. Each can be read
    until the next one is asked for.

    Raises `BadRecord` for an archive that cannot be unpacked, `StoreIOError` for an address that cannot be read.
    """
    if not isinstance(named, str):
        yield files.of_file_object(named)
    elif is_address(named):
        from lakebed._inputs import web

        yield from web.inputs(named)
    else:
        yield from files.of_path(named)


def _in_directory(directory: str) -> Iterator[str]:
    """The files in a directory, and in those inside it, whose suffix says that they hold records."""
    paths = [
        os.path.join(place, name)  # noqa: PTH118 (names keep the spelling of the directory)
        for place, inside, found in os.walk(directory)
        for name in found
        if not name.startswith(".") and (names.is_known(name) or names.suffixes(name)[0] in names.ARCHIVES)
        if not _is_store(inside)
    ]
    if not paths:
        ends = " ".join((*names.JSON, *names.TABLES, *names.ARCHIVES))
        message = (
            f"{directory} holds no file whose name ends in one of {ends} (compressed or not): name the files in it."
        )
        raise error(StoreIOError.kind, message, errno.ENOENT)
    yield from sorted(paths)


def _is_store(inside: list[str]) -> bool:
    """Whether a directory with these directories is a store; none of them is entered, nor any hidden one."""
    store = {"segments", "manifests"} <= set(inside)
    inside[:] = [] if store else sorted(name for name in inside if not name.startswith("."))
    return store


def name_of(source: object) -> str:
    """The name of an input in rows and messages."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "<stream>"


def default_collection(source: Source | Iterable[Source]) -> str:
    """The collection that a single file, archive, address or directory goes into when none is named. Raises
    `InvalidArgument` for anything else."""
    path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    if path is None or path == "-" or (glob.has_magic(path) and not Path(path).exists() and "://" not in path):
        raise InvalidArgument('Several files, file objects and standard input need a collection: into="NAME".')
    if "://" in path:
        from lakebed._inputs import web

        path = web.file_name(path)
    name = current().collection_name(names.stem(path.rstrip("/") or path))
    if name is None:
        raise InvalidArgument(f'The name of {path} gives no name for a collection: name one with into="NAME".')
    return name

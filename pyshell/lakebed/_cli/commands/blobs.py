"""`lakebed get`, `put`, `delete`."""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
import sys
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from lakebed._cli.commands.compaction import compact_if_due
from lakebed._cli.environment.context import Context
from lakebed._cli.messages.file_errors import unreadable
from lakebed._cli.render import count, size
from lakebed._inputs import utf8_name
from lakebed.errors import InvalidArgument, error

LARGEST = 2**32 - 1
"""The largest blob in bytes (docs/limits.md): a larger file is refused before it is read."""


class Stored(BaseModel):
    """The report of `put` on a file, which is also the row that describes the file."""

    name: str
    media_type: str
    size: int
    hash: str


class Deleted(BaseModel):
    """The report of `delete` on a blob."""

    hash: str
    rows: int


def get(context: Context, hash: str, output: str | None) -> None:
    """Writes the bytes of a blob.

    Raises `InvalidArgument` when they are binary and would go to a terminal.
    """
    with context.open() as store:
        data = store.get(hash)
    if output is None and context.on_terminal and not _is_text(data):
        message = (
            f"The blob is {size(len(data))} of binary data, which would garble the terminal: give -o FILE, or a pipe."
        )
        raise InvalidArgument(message)
    with context.text_output(output) as stream:
        stream.write(data)


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def put(context: Context, files: tuple[str, ...], into: str, name: str | None, media_type: str | None) -> None:
    """Stores files as blobs, each with a row that describes it; all or none.

    Raises `InvalidArgument` for options that do not fit, and for a file that is too large; `StoreIOError` for one that
    cannot be read.
    """
    if name is not None and list(files) != ["-"]:
        message = "--name is for standard input: a file has a name."
        raise InvalidArgument(message)
    if files.count("-") > 1:
        message = "Standard input can be read once: give - once."
        raise InvalidArgument(message)
    if "-" in files and not name:
        message = "What comes from standard input needs a name: --name report.pdf."
        raise InvalidArgument(message)
    stored: list[Stored] = []
    for file in files:
        # Refused before a store is made or locked.
        _check_readable(file)
    with context.open("a", create=True) as store:
        for file in files:
            data = _read(file)
            title = name or "" if file == "-" else utf8_name(Path(file).name)
            kind = media_type or mimetypes.guess_type(title)[0] or _guessed_type(data)
            stored.append(Stored(name=title, media_type=kind, size=len(data), hash=str(store.put(data))))
        store.append(into, [one.model_dump() for one in stored])
    for one in stored:
        context.report(one, [f"{one.hash}  {one.name} ({one.media_type}, {size(one.size)})"])


def _check_readable(file: str) -> None:
    if file == "-":
        return
    path = Path(file)
    try:
        about = path.stat()
        if stat.S_ISREG(about.st_mode):
            path.open("rb").close()
    except OSError as problem:
        raise unreadable(file, problem) from problem
    if stat.S_ISDIR(about.st_mode):
        message = f"{file} is a directory: name the files in it, as in {file.rstrip('/')}/*."
        raise error("io", message, errno.EISDIR)
    if about.st_size > LARGEST:
        raise _too_large(file, f"{about.st_size} bytes")


def _read(file: str) -> bytes:
    """The bytes of a file, a pipe or standard input, at most as many as a blob can have."""
    try:
        if file == "-":
            return _read_stream(sys.stdin.buffer, file)
        with Path(file).open("rb") as stream:
            # A regular file has a known size: its bytes are read into one buffer.
            return stream.read() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else _read_stream(stream, file)
    except OSError as problem:
        raise unreadable(file, problem) from problem


def _read_stream(stream: IO[bytes], file: str) -> bytes:
    """All bytes of a stream, which errors call `file`."""
    pieces: list[bytes] = []
    left = LARGEST
    while piece := stream.read(1 << 20):
        left -= len(piece)
        if left < 0:
            raise _too_large(file, f"more than {LARGEST} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(file: str, length: str) -> InvalidArgument:
    return InvalidArgument(f"{file} has {length}, and a blob can have at most {LARGEST}: store it in parts.")


def _guessed_type(data: bytes) -> str:
    return "text/plain" if _is_text(data) else "application/octet-stream"


def delete(context: Context, hashes: tuple[str, ...]) -> None:
    """Removes blobs and the rows that refer to them; all or none."""
    with context.open("a") as store:
        full = [str(store.resolve(text)) for text in hashes]
        deleted = [Deleted(hash=one, rows=store.delete(one)) for one in dict.fromkeys(full)]
        compact_if_due(context, store)
    for one in deleted:
        context.report(one, [f"deleted {one.hash} and {count(one.rows, 'row')}"])

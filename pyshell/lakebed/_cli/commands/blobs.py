"""`lakebed get`, `put`, `delete`: single blobs."""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
import sys
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from lakebed._cli.commands.context import Context, unreadable
from lakebed._cli.render import count, size
from lakebed.errors import InvalidArgument, error
from lakebed.store import text_of

LARGEST = 2**32 - 1
"""Bytes of a blob at most (docs/limits.md): a larger file is refused before it is read."""


class Stored(BaseModel):
    """What `put` did with a file: also the row it adds."""

    name: str
    media_type: str
    size: int
    hash: str


class Deleted(BaseModel):
    """What `delete` did."""

    hash: str
    rows: int


def get(context: Context, hash: str, output: str | None) -> None:
    """Writes the bytes of a blob, and nothing else."""
    with context.open() as store:
        data = store.get(hash)
    if output is None and context.on_terminal and not _is_text(data):
        message = (
            f"The blob is {size(len(data))} of binary data, which would garble the terminal: give -o FILE, or a pipe."
        )
        raise InvalidArgument(message)
    with context.output(output) as stream:
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
    """Stores files as blobs, each with a row that describes it; all or none."""
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
        # Before a store is made or locked.
        _checked(file)
    with context.open("a", create=True) as store:
        for file in files:
            data = _read(file)
            called = name or "" if file == "-" else text_of(Path(file).name)
            kind = media_type or mimetypes.guess_type(called)[0] or _guess(data)
            stored.append(Stored(name=called, media_type=kind, size=len(data), hash=str(store.put(data))))
        store.append(into, [one.model_dump() for one in stored])
    for one in stored:
        context.report(one, [f"{one.hash}  {one.name} ({one.media_type}, {size(one.size)})"])


def _checked(file: str) -> None:
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
    """The bytes of a file, of a pipe to its end, or of standard input; no more than a blob may have."""
    try:
        if file == "-":
            return _to_end(sys.stdin.buffer, file)
        with Path(file).open("rb") as stream:
            # A size that is known makes room for all of it at once.
            return stream.read() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else _to_end(stream, file)
    except OSError as problem:
        raise unreadable(file, problem) from problem


def _to_end(stream: IO[bytes], file: str) -> bytes:
    pieces: list[bytes] = []
    left = LARGEST
    while piece := stream.read(1 << 20):
        left -= len(piece)
        if left < 0:
            raise _too_large(file, f"more than {LARGEST} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(file: str, length: str) -> InvalidArgument:
    return InvalidArgument(f"{file} has {length}, and a blob may have {LARGEST}: store it in parts.")


def _guess(data: bytes) -> str:
    return "text/plain" if _is_text(data) else "application/octet-stream"


def delete(context: Context, hashes: tuple[str, ...]) -> None:
    """Removes blobs and their rows; all or none."""
    with context.open("a") as store:
        full = [str(store.resolve(text)) for text in hashes]
        deleted = [Deleted(hash=one, rows=store.delete(one)) for one in dict.fromkeys(full)]
    for one in deleted:
        context.report(one, [f"deleted {one.hash} and {count(one.rows, 'row')}"])

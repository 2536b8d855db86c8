"""What an ingest reads: a file, a file that is followed, text made from a file, or a stream."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any, Literal

from blake3 import blake3

from lakebed.errors import InvalidArgument, error
from lakebed.pure.ingest.messages import cannot_open, cannot_read
from lakebed.pure.ingest.readers import FileReader, FollowedFile, ObjectReader, Reader

__all__ = ["Input", "opened"]

_BLOCK = 1 << 20
Kind = Literal["file", "followed", "made", "stream"]


class Input:
    """An input, as often as it can be opened."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        *,
        size: int | None = None,
        path: str | None = None,
        original: str | None = None,
        open: Callable[[], Reader],
    ) -> None:
        self.name = name
        self.kind: Kind = kind
        self.size = size
        """The size of the file that holds it; None for anything else."""
        self.path = path
        """Of a file, its own."""
        self.original = original
        """The path of the file that holds it, before it was converted or decompressed."""
        self.open = open
        """A reader from the first byte on; of a stream only once."""

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        return self.kind == "stream"

    def digest(self, limit: int | None, tick: Callable[[], None]) -> bytes | None:
        """The hash of the file that holds the input, or of so many bytes at its beginning; None if there is no file.
        Raises `StoreIOError`."""
        if self.original is None:
            return None
        hasher = blake3()
        left = limit
        try:
            with open(self.original, "rb", buffering=0) as file:  # noqa: PTH123
                while left is None or left > 0:
                    tick()
                    block = file.read(_BLOCK if left is None else min(left, _BLOCK))
                    if not block:
                        break
                    hasher.update(block)
                    left = None if left is None else left - len(block)
        except OSError as cause:
            raise cannot_read(self.name, cause) from cause
        return hasher.digest()


def opened(source: Any, name: str, original: str | None, *, follow: bool) -> Input:
    """The input that a source is: a path, a function that opens it, or a file object. Raises `StoreIOError`,
    `InvalidArgument`, `TypeError`."""
    if isinstance(source, str | os.PathLike):
        found = _of_path(os.fspath(source), follow=follow)
    elif callable(source) and not hasattr(source, "read"):
        found = _made(source, name, original)
    else:
        reader = ObjectReader(source)
        found = Input(name, "stream", open=lambda: reader)
    if follow and found.kind != "followed":
        raise InvalidArgument(
            f"{found.name} cannot be followed: only a plain file can, and a stream is read as it comes without `follow`."
        )
    return found


def _of_path(path: str, *, follow: bool) -> Input:
    name = os.fsencode(path).decode("utf-8", "replace")
    try:
        about = os.stat(path)  # noqa: PTH116
        if stat.S_ISDIR(about.st_mode):
            raise error("io", f"{name} is a directory; name the files in it.", 21)
        if not stat.S_ISREG(about.st_mode):
            file = open(path, "rb")  # noqa: PTH123, SIM115  (closed by the reader)
            reader = ObjectReader(file, is_ours=True)
            return Input(name, "stream", open=lambda: reader)
        if follow:
            followed = FollowedFile(path)
            return Input(name, "followed", size=about.st_size, path=path, open=lambda: _rewound(followed))
        # Whether it can be opened is said at once.
        FileReader(path).close()
    except OSError as cause:
        if type(cause).__module__.startswith("lakebed"):
            raise
        raise cannot_open(name, cause) from cause
    return Input(name, "file", size=about.st_size, path=path, original=path, open=lambda: _opened_file(name, path))


def _rewound(file: FollowedFile) -> FollowedFile:
    file.rewind()
    return file


def _opened_file(name: str, path: str) -> Reader:
    try:
        return FileReader(path)
    except OSError as cause:
        raise cannot_open(name, cause) from cause


def _made(open: Callable[[], Any], name: str, original: str | None) -> Input:
    size = None
    if original is not None:
        try:
            size = os.stat(original).st_size  # noqa: PTH116
        except OSError as cause:
            raise cannot_open(name, cause) from cause
    return Input(name, "made", size=size, original=original, open=lambda: ObjectReader(open()))

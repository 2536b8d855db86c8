"""A directory that a backup or a restore makes: `UNFINISHED` from its first file to its FORMAT."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument
from lakebed.pure import locks
from lakebed.pure.context import FORMAT, LOCK, UNFINISHED, Context
from lakebed.pure.files import Directory, manifest_name, write_all
from lakebed.pure.format.lock_text import LockText
from lakebed.pure.format.store_file import StoreFile
from lakebed.pure.opening import open_state
from lakebed.pure.verify import verify
from lakebed.pure.view import View

__all__ = ["Copied", "copy_file", "counting", "finished", "is_unfinished", "made"]

_PIECE: Final = 4 << 20
Copied = Callable[[int], None]
"""Called with the number of bytes of each piece that was copied or linked."""


def counting(progress: EngineProgress | None, total: int, begun: float) -> Copied:
    """Adds the bytes up and reports them, of `total`, with the seconds since `begun` of the monotonic clock."""
    done = 0

    def tick(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total, 0, time.monotonic() - begun)

    return tick


def is_unfinished(path: Path) -> bool:
    """Whether a backup or a restore began to make the directory and did not end."""
    return (path / UNFINISHED).exists() and not (path / FORMAT).exists()


@contextlib.contextmanager
def made(path: Path) -> Iterator[Directory]:
    """The directory, which is made if it is not there, with its subdirectories; nobody else makes it meanwhile.

    Raises `InvalidArgument` when another program is at it; `OSError`.
    """
    path.mkdir(exist_ok=True)
    directory = Directory(str(path))
    descriptor = directory.open(UNFINISHED, os.O_RDWR | os.O_CREAT)
    try:
        if not locks.try_write_lock(descriptor):
            raise InvalidArgument(f"{path} is being made by another program: wait until it is done.")
        directory.sync()
        for name in ("segments", "manifests", "index"):
            directory.make(name)
        yield directory
    finally:
        os.close(descriptor)
        directory.close()


def copy_file(
    source: Callable[[int, int], memoryview], length: int, target: Directory, name: str, copied: Copied
) -> None:
    """Copy `length` bytes, which `source` reads by offset and length, into a file, synced. What a file of this name
    already has is compared and kept. Raises `OSError`."""
    descriptor = target.open(name, os.O_RDWR | os.O_CREAT)
    try:
        os.ftruncate(descriptor, min(os.fstat(descriptor).st_size, length))
        for at in range(0, length, _PIECE):
            piece = source(at, min(_PIECE, length - at))
            if os.pread(descriptor, len(piece), at) != piece:
                write_all(descriptor, piece, at)
            copied(len(piece))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def finished(
    directory: Directory,
    context: Context,
    store_file: StoreFile,
    manifest: tuple[int, bytes],
    synced: int,
    skip: set[int],
) -> None:
    """Write what comes after the segments, verify all but the segments to skip, and make it whole by its FORMAT.

    `context` is that of the store that was copied. Raises `Corrupt`, `OSError`.
    """
    number, data = manifest
    for name in directory.names("manifests"):
        directory.unlink(f"manifests/{name}")
    directory.write(manifest_name(number), data, f"manifests/.{number}.tmp")
    directory.write(LOCK, LockText(synced=synced).encode(), ".LOCK.tmp")
    directory.sync("segments")
    directory.sync()
    state = open_state(Context(directory, context.options, store_file))
    if state.last_commit != synced:
        raise Corrupt(
            f"{directory.path} was not copied whole: it ends at commit {state.last_commit} instead of {synced}."
        )
    problems = verify(View(state), None, skip)["problems"]
    if problems:
        raise Corrupt(f"{directory.path} is not whole, as what was copied is damaged: {problems[0]['message']}")
    directory.write(FORMAT, store_file.encode(), ".FORMAT.tmp")
    directory.unlink(UNFINISHED)
    directory.sync()

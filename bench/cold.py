"""Files whose pages are not in memory, as after a restart."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


def drop(place: Path) -> None:
    """Drops the cached pages of a file, or of all files under a directory. No process may have them mapped.

    Raises `OSError` where the system keeps pages all the same: memory file systems do, and some containers' file systems.
    """
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    for path in files:
        with path.open("rb") as file:
            # Pages that are not written yet cannot be dropped.
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    kept, pages = (sum(counts) for counts in zip(*map(resident, files), strict=True))
    if kept * 10 > pages:
        raise OSError(
            f"{kept} of {pages} pages of {place} stay in memory: its file system has no cache that can be dropped."
        )


def resident(path: Path) -> tuple[int, int]:
    """How many pages of a file are in memory, and how many it has."""
    size = path.stat().st_size
    if not size:
        return 0, 0
    pages = -(-size // mmap.PAGESIZE)
    states = (ctypes.c_ubyte * pages)()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        failed = _libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), states)
        del start
    if failed:
        raise OSError(ctypes.get_errno(), f"mincore of {path}")
    return sum(state & 1 for state in states), pages

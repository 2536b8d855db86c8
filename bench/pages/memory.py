"""Which pages of a file are in the page cache, and how to drop them. Linux."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
FAILED = ctypes.c_void_p(-1).value


def files(store: Path) -> Iterator[Path]:
    """The store's files that are not empty."""
    return (path for path in store.rglob("*") if path.is_file() and path.stat().st_size)


def resident(path: Path) -> list[bool]:
    """For each page of a file, whether it is in the page cache."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    if start == FAILED:
        raise OSError(ctypes.get_errno(), "mmap", str(path))
    try:
        pages = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
        if LIBC.mincore(start, size, pages):
            raise OSError(ctypes.get_errno(), "mincore", str(path))
        return [bool(page & 1) for page in pages.raw]
    finally:
        LIBC.munmap(start, size)


def resident_bytes(store: Path, page: int) -> int:
    """Bytes of the segments in the page cache if pages had `page` bytes: a large page counts whole if any part is
    cached."""
    group = page // mmap.PAGESIZE
    total = 0
    for path in files(store / "segments"):
        pages = resident(path)
        total += sum(any(pages[start : start + group]) for start in range(0, len(pages), group)) * page
    return total


def drop(store: Path) -> None:
    """Drops every page of every file from the page cache, and checks that none stayed.

    Raises RuntimeError if the file system keeps pages, as those in memory do.
    """
    for path in files(store):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    left = sum(sum(resident(path)) for path in files(store))
    if left:
        raise RuntimeError(f"{left} pages of {store} stayed in memory: is the file system one in memory?")


def fill(store: Path) -> None:
    """Reads every file into the page cache."""
    for path in files(store):
        path.read_bytes()

"""What all parts of one store object share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from lakebed.errors import Corrupt, NotAStore, StoreNotFound
from lakebed.pure.codec import Compressor, Decompressor, stored_dictionary
from lakebed.pure.damage import io_error, named
from lakebed.pure.files import Directory, no_format, no_store
from lakebed.pure.format.lock_text import LockText
from lakebed.pure.format.store_file import StoreFile
from lakebed.pure.frames import FrameCache

__all__ = ["Context", "Options", "now", "random_u64"]

LOCK: Final = "LOCK"
FORMAT: Final = "FORMAT"
UNFINISHED: Final = "UNFINISHED"
"""Beside no FORMAT: a backup or a restore that did not end."""


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def random_u64() -> int:
    """A salt."""
    return int.from_bytes(os.urandom(8), "little")


@dataclass(frozen=True)
class Options:
    """How a store is opened; `lakebed.open` documents each."""

    mode: Literal["r", "a"]
    lock_timeout: float
    cache_bytes: int
    segment_bytes: int
    page_bytes: int
    level: int
    threads: int
    command: str
    mmap: bool = True
    """Whether files may be mapped."""


class Context:
    """The directory, the settings, the cache and the dictionaries of one store object in one process."""

    def __init__(self, directory: Directory, options: Options, store_file: StoreFile | None = None) -> None:
        """`store_file` is that of a store that is being made. Raises `NotAStore`, `FormatTooNew`, `Corrupt`,
        `StoreIOError`."""
        self.directory = directory
        self.store_file = read_store_file(directory) if store_file is None else store_file
        self.options = options
        self.cache = FrameCache(options.cache_bytes)
        self.process = os.getpid()
        self.warnings: list[str] = []
        self._lock = threading.Lock()
        self._decompressors: dict[int | None, Decompressor] = {None: Decompressor()}
        self._compressors: dict[tuple[int, int | None], Compressor] = {}
        self.hash_of = _hash_class()

    @property
    def path(self) -> str:
        """The directory, as it was given to `open`."""
        return self.directory.path

    def warn(self, message: str) -> None:
        """Add a warning, which the next `take_warnings` returns; one that is there already is not repeated."""
        if message not in self.warnings:
            self.warnings.append(message)

    def decompressor(self, number: int | None, load: Callable[[int], bytes]) -> Decompressor:
        """The decompressor for a dictionary, or for none. `load` gives the bytes of a dictionary. Raises
        `Malformed`."""
        found = self._decompressors.get(number)
        if found is None:
            assert number is not None
            found = Decompressor(stored_dictionary(load(number)))
            self._decompressors[number] = found
        return found

    def compressor(self, level: int, number: int | None, load: Callable[[int], bytes]) -> Compressor:
        """The compressor for a level and a dictionary, or none; `load` as for `decompressor`."""
        key = (level, number)
        found = self._compressors.get(key)
        if found is None:
            dictionary = None if number is None else stored_dictionary(load(number))
            found = self._compressors[key] = Compressor(level, dictionary)
        return found

    def forget_dictionary(self, number: int) -> None:
        """Let a dictionary go that was rolled back: its number is given again."""
        self._decompressors.pop(number, None)
        for key in [key for key in self._compressors if key[1] == number]:
            del self._compressors[key]

    def lock_text(self) -> LockText:
        """What LOCK says; nothing when it cannot be read."""
        try:
            return LockText.decode(self.directory.read(LOCK))
        except OSError:
            return LockText()

    def check_place(self) -> None:
        """Raises `StoreNotFound` when the path no longer leads to the directory that was opened, or FORMAT is that of
        another store."""
        if self.directory.leads_here() and self._same_format():
            return
        raise StoreNotFound(
            f"This store was replaced: {self.path} no longer leads to the directory that was opened. What is open stays "
            "readable; open the path again to use what is there now."
        )

    def _same_format(self) -> bool:
        try:
            return self.directory.read(FORMAT)[16:32] == self.store_file.uuid
        except OSError:
            return False


def check_finished(directory: Directory) -> None:
    """Raises `NotAStore` for a directory without FORMAT that a backup or a restore left, and for a store that lost it.
    Raises `OSError`."""
    if directory.stat(UNFINISHED) is not None:
        raise NotAStore(
            f"{directory.path} is a backup or a restored store that is not finished: wait for the program that makes it, or start it "
            "again if it was interrupted."
        )
    if directory.names("segments"):
        raise NotAStore(
            f"{directory.path} holds segments of a store but no file FORMAT, without which they cannot be read; `lakebed repair` "
            "makes it again from the segments."
        )


def read_store_file(directory: Directory) -> StoreFile:
    """FORMAT. Raises `NotAStore`, `FormatTooNew`, `Corrupt`, `StoreIOError`."""
    try:
        data = directory.read(FORMAT)
    except (FileNotFoundError, IsADirectoryError):
        check_finished(directory)
        if directory.names("."):
            raise no_format(directory.path) from None
        raise no_store(directory.path) from None
    except OSError as problem:
        raise io_error(problem, f"Reading {directory.shown(FORMAT)}") from None
    try:
        with named(directory.shown(FORMAT)):
            return StoreFile.decode(data)
    except Corrupt as damage:
        reason = damage.__cause__ or damage
        advice = "; `lakebed repair` makes it again from the segments" if directory.names("segments") else ""
        raise NotAStore(
            f"{directory.path} is not a lakebed store, or its file FORMAT is damaged ({reason}){advice}."
        ) from None


def _hash_class() -> Any:
    # The package's class, so that hashes of both backends compare; this package is loaded before it is chosen.
    from lakebed._types import Hash

    return Hash

"""An open store: what `lakebed.pure.open_store` returns."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from lakebed.errors import Closed, InvalidArgument, StoreNotFound
from lakebed.pure.context import Context, Options, read_store_file
from lakebed.pure.export import export
from lakebed.pure.files import Directory
from lakebed.pure.opening import open_state
from lakebed.pure.reading import Reads
from lakebed.pure.snapshot import SnapshotEngine
from lakebed.pure.state import State
from lakebed.pure.stats import stats
from lakebed.pure.verify import verify
from lakebed.pure.view import View
from lakebed.pure.writes import NeedsRust, needs_rust

__all__ = ["StoreEngine", "open_store"]

_LIMITS = {"page_bytes": (64, 16 << 20), "segment_bytes": (1 << 10, 1 << 40)}


def open_store(
    path: str,
    /,
    *,
    mode: Literal["r", "a"],
    create: bool,
    lock_timeout: float,
    cache_bytes: int,
    segment_bytes: int,
    page_bytes: int,
    level: int,
    threads: int,
    command: str,
) -> StoreEngine:
    """Open a store; `lakebed.open` documents the arguments and errors."""
    if mode not in ("r", "a"):
        raise InvalidArgument(f'The mode of a store is "r" or "a", not {mode!r}.')
    if not lock_timeout >= 0:
        raise InvalidArgument(f"lock_timeout is a number of seconds from 0 on, not {lock_timeout}.")
    if not 1 <= level <= 22:
        raise InvalidArgument(f"level is a compression level from 1 to 22, not {level}.")
    if threads > 1024:
        raise InvalidArgument(f"threads is from 1 to 1,024, or 0 for all cores, not {threads}.")
    for name, value in (("page_bytes", page_bytes), ("segment_bytes", segment_bytes)):
        smallest, largest = _LIMITS[name]
        if not smallest <= value <= largest:
            raise InvalidArgument(f"{name} is from {smallest} to {largest} bytes, not {value}.")
    options = Options(
        mode,
        lock_timeout,
        cache_bytes,
        segment_bytes,
        page_bytes,
        level,
        threads or os.cpu_count() or 1,
        command,
    )
    return StoreEngine(path, options, create=create and mode == "a")


class StoreEngine(Reads, NeedsRust):
    """An open store."""

    def __init__(self, path: str, options: Options, *, create: bool) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._path = path
        self._options = options
        self._open(create)

    def _open(self, create: bool) -> None:
        if create and not Path(self._path).exists():
            needs_rust("Making a store")
        directory = Directory(self._path)
        self._context = Context(directory, read_store_file(directory), self._options)
        self._state: State = open_state(self._context)
        self._shown = View(self._state)

    # --- What is read ---

    def _view(self) -> View:
        self._check_open()
        return self._shown

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"The store object of {self._path} is closed: open the store again.")

    @property
    def path(self) -> str:
        return self._path

    @property
    def closed(self) -> bool:
        return self._closed

    def settings(self) -> dict[str, Any]:
        options = self._options
        return {
            "path": self._path,
            "mode": options.mode,
            "lock_timeout": options.lock_timeout,
            "cache_bytes": options.cache_bytes,
            "segment_bytes": options.segment_bytes,
            "page_bytes": options.page_bytes,
            "level": options.level,
            "threads": options.threads,
        }

    def take_warnings(self) -> list[str]:
        taken, self._context.warnings = self._context.warnings, []
        return taken

    def stats(self) -> dict[str, Any]:
        return stats(self._view())

    def verify(self, progress: Callable[[int, int | None, int, float], None] | None, /) -> dict[str, Any]:
        return verify(self._view(), progress)

    def export(self, collection: str, target: Any, progress: Any, /) -> dict[str, Any]:
        return export(self._view().frozen(), collection, target, progress)

    def snapshot(self) -> SnapshotEngine:
        return SnapshotEngine(self._view().frozen())

    # --- Life ---

    def close(self) -> None:
        with self._lock:
            self._closed = True

    def refresh(self) -> bool:
        with self._lock:
            self._check_open()
            self._context.check_place()
            return self._move_to(open_state(self._context, self._state))

    def _move_to(self, state: State) -> bool:
        """Show another state. Returns whether it is newer. Raises `StoreNotFound` when it does not follow."""
        before = self._state
        if state.last_commit < before.last_commit or (
            state.last_commit == before.last_commit and state.last_seal != before.last_seal
        ):
            raise StoreNotFound(
                f"This store was replaced: {self._path} no longer has commit {before.last_commit}, as after a restore from a "
                "backup. What is open stays readable; open the path again to use what is there now."
            )
        self._state = state
        self._shown = View(state)
        return state.last_commit > before.last_commit

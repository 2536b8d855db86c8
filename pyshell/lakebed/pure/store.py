"""An open store: what `lakebed.pure.open_store` returns."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from lakebed.errors import Closed, InvalidArgument
from lakebed.pure.compact import Wanted, apply_layout, compact
from lakebed.pure.context import FORMAT, Context, Options
from lakebed.pure.copies.backup import backup
from lakebed.pure.copies.transfer import copy_to
from lakebed.pure.damage import interruptible, operating_system
from lakebed.pure.describing import Describes, check_layout
from lakebed.pure.export import export
from lakebed.pure.files import Directory
from lakebed.pure.hash import bytes_of, too_large
from lakebed.pure.ingest.methods import Ingests
from lakebed.pure.json.quoting import quoted
from lakebed.pure.opening import open_state
from lakebed.pure.snapshot import SnapshotEngine
from lakebed.pure.state import State
from lakebed.pure.stats import stats
from lakebed.pure.verify import verify
from lakebed.pure.view import View
from lakebed.pure.write.append import append
from lakebed.pure.write.create import create_store
from lakebed.pure.write.removal import drop, trim
from lakebed.pure.write.writer import LARGEST_BLOB, Writer

__all__ = ["StoreEngine", "open_store"]

_LIMITS = {
    "page_bytes": (64, 16 << 20, "from 64 bytes to 16 MiB"),
    "segment_bytes": (1 << 10, 1 << 40, "from 1 KiB to 1 TiB"),
}


def open_store(
    path: str,
    /,
    *,
    mode: Literal["r", "a"],
    create: bool,
    lock_timeout: float,
    mmap: bool,
    cache_bytes: int,
    segment_bytes: int,
    page_bytes: int,
    level: int,
    threads: int,
    command: str,
) -> StoreEngine:
    """Open a store; `lakebed.open` documents the arguments and errors. `mmap`: whether files may be mapped."""
    if mode not in ("r", "a"):
        raise InvalidArgument(f'The mode is "r" or "a", not {quoted(mode)}.')
    if not lock_timeout >= 0:
        raise InvalidArgument(f"lock_timeout is seconds, not {lock_timeout}.")
    if not 1 <= level <= 22:
        raise InvalidArgument(f"The compression level is from 1 to 22, not {level}.")
    if threads > 1024:
        raise InvalidArgument(f"threads is from 1 to 1,024, or 0 for all cores, not {threads}.")
    for name, value in (("page_bytes", page_bytes), ("segment_bytes", segment_bytes)):
        smallest, largest, domain = _LIMITS[name]
        if not smallest <= value <= largest:
            raise InvalidArgument(f"{name} is {domain}, not {value}.")
    options = Options(
        mode,
        lock_timeout,
        cache_bytes,
        segment_bytes,
        page_bytes,
        level,
        threads or os.cpu_count() or 1,
        command,
        mmap=mmap and os.environ.get("LAKEBED_MMAP") not in ("0", "false", "no"),
    )
    return StoreEngine(path, options, create=create and mode == "a")


class StoreEngine(Ingests, Describes):
    """An open store. Its methods may be called from several threads; a child made by `fork` reads through a store of
    its own."""

    def __init__(self, path: str, options: Options, *, create: bool) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._warnings: list[str] = []
        """Those of the time before `close`."""
        self._path = path
        self._options = options
        with operating_system(f"Opening the store {Path(path).absolute()}"):
            missing = create and not Path(path, FORMAT).exists()
        if missing:
            create_store(path, options)
        self._open()

    def _open(self) -> None:
        self._context = Context(Directory(self._path), self._options)
        self._writer = Writer(self._context, open_state(self._context))
        self._warn_of_lost()

    def _warn_of_lost(self) -> None:
        state = self._writer.state
        if state.lost is not None:
            first, last = state.lost
            which = f"commit {last}" if first == last else f"commits {first} to {last}"
            self._context.warn(
                f"{self._context.path} has lost {which}: the last commit that can be read is {state.last_commit}. Restore the store from a "
                "backup, or save what is left with `lakebed repair`; until then it can be read and not written. If the directory is a "
                "copy that was made while the store was written, copy it again."
            )

    # --- What is read ---

    def _view(self) -> View:
        self._check_open()
        if self._context.process != os.getpid():
            # A child made by fork: other threads of the parent may have held the lock.
            self._lock = threading.RLock()
            self._open()
        return self._writer.view

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
        self._check_open()
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
        if self._closed:
            taken, self._warnings = self._warnings, []
        else:
            taken, self._context.warnings = self._context.warnings, []
        return taken

    def stats(self) -> dict[str, Any]:
        return stats(self._view())

    def verify(
        self, quick: bool, since: int, progress: Callable[[int, int | None, int, float], None] | None, /
    ) -> dict[str, Any]:
        with interruptible(f"Checking {self._path} was interrupted; nothing was changed."):
            return verify(self._view(), progress, quick=quick, since=since)

    def export(self, collection: str, target: Any, progress: Any, /) -> dict[str, Any]:
        with interruptible(
            f"Writing the rows of {quoted(collection)} was interrupted; what was written is incomplete."
        ):
            return export(self._view().frozen(), collection, target, progress)

    def snapshot(self) -> SnapshotEngine:
        return SnapshotEngine(self._view().frozen())

    # --- Changes ---

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Writer]:
        """The writer, for one change."""
        self._check_open()
        self._writer.check_may_write()
        with self._lock:
            self._check_open()
            yield self._writer

    def put(self, data: bytes | bytearray | memoryview, /) -> Any:
        if type(data) is not bytes:
            data = bytes_of(data, LARGEST_BLOB)
        elif len(data) > LARGEST_BLOB:
            raise too_large(len(data), LARGEST_BLOB)
        with self._changing() as writer:
            return self._context.hash_of(writer.put(data))

    def delete(self, hash: Any, /) -> int:
        with self._changing() as writer:
            return writer.delete(hash)

    def append(self, collection: str, batches: Any, /) -> dict[str, Any]:
        with self._changing() as writer:
            return append(writer, collection, batches)

    def drop(self, collection: str, /) -> int:
        with self._changing() as writer:
            return drop(writer, collection)

    def trim(self, collection: str, before_seq: int, /) -> int:
        with self._changing() as writer:
            return trim(writer, collection, before_seq)

    def seal(self) -> None:
        with self._changing() as writer:
            writer.seal()

    def compact(
        self, collection: str | None, layout: str | None, level: int | None, dry_run: bool, progress: Any, /
    ) -> dict[str, Any]:
        if layout is not None:
            check_layout(layout)
        if collection is not None and layout is None:
            raise InvalidArgument("A compaction of one collection needs a layout for it: rows, columns or auto.")

        def asked(state: State) -> Wanted:
            if layout is None:
                return Wanted.of_settings(state)
            only = list(state.catalogue.collections) if collection is None else [View(state).collection(collection).id]
            return Wanted.asked(state, layout, only)

        if dry_run:
            return compact(Writer(self._context, self._view().state), asked, level, dry_run, progress)
        with self._changing() as writer:
            return compact(writer, asked, level, dry_run, progress)

    def apply_layout(self, collection: str, asked: bool, progress: Any, /) -> dict[str, Any]:
        with self._changing() as writer:
            return apply_layout(writer, collection, asked, progress)

    def backup(self, dest: str | os.PathLike[str], keep: int | None, progress: Any, /) -> dict[str, Any]:
        self._check_open()
        if self._options.mode == "a" and not self._context.store_file.read_compatible:
            self.commit()
        self.refresh()
        return backup(self._view(), os.fspath(dest), keep, progress)

    def copy_to(self, other: Any, collections: list[str], progress: Any, /) -> dict[str, Any]:
        if not isinstance(other, StoreEngine):
            raise InvalidArgument("The other store is opened by another engine: open both with the same one.")
        if self._options.mode == "a" and self._writer.pending is not None:
            self.commit()
        with other._changing() as writer:  # noqa: SLF001  (of this class)
            writer.commit()
            return copy_to(self._view().frozen(), writer, collections, progress)

    def commit(self) -> int:
        with self._settling() as writer:
            return writer.commit()

    def rollback(self) -> None:
        with self._settling() as writer:
            writer.end()

    @contextlib.contextmanager
    def _settling(self) -> Iterator[Writer]:
        """The writer, for the end of what is pending. In a child made by `fork` it is the parent's."""
        self._check_open()
        if self._context.process != os.getpid():
            if self._writer.pending is not None:
                self._writer.check_may_write()
            yield self._writer
            return
        with self._lock:
            self._check_open()
            yield self._writer

    # --- Life ---

    def close(self) -> None:
        if self._closed:
            return
        try:
            with self._settling() as writer:
                writer.commit()
        finally:
            with self._lock:
                self._writer.end()
                self._closed = True
                self._warnings = self._context.warnings
                # Nothing that was open stays held: the manifest, and what a compaction replaces.
                del self._writer, self._context

    def refresh(self) -> bool:
        self._view()
        with self._lock:
            self._context.check_place()
            if self._writer.pending is not None:
                # The lock is held: nobody else commits.
                return False
            before = self._writer.state
            state = open_state(self._context, before)
            if not state.follows(before):
                raise before.replaced_error()
            self._writer.move_to(state)
            self._warn_of_lost()
            return state.last_commit > before.last_commit

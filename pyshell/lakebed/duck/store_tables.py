"""The real store behind the views: snapshots of a `lakebed.Store`, and their tables."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lakebed._process import is_alive
from lakebed.store import Store
from lakebed.store import open as open_store

if TYPE_CHECKING:
    from lakebed._backend import Stream
    from lakebed._snapshot import Snapshot
    from lakebed.duck.predicates import Filter

COMPARED = frozenset(
    (
        "BOOLEAN",
        "BIGINT",
        "UBIGINT",
        "DOUBLE",
        "VARCHAR",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
    )
)
"""Types whose values the engine compares with constants exactly as SQL does."""


def origin_of(path: str | os.PathLike[str] | Store) -> StoreOrigin:
    """Where the snapshots of a store come from: an open store, with what is pending in it, or one opened here for reading."""
    if isinstance(path, Store):
        return StoreOrigin(path)
    return StoreOrigin(open_store(path, "r"))


class StoreOrigin:
    """Snapshots of one store object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = str(Path(store.path).resolve())
        self.given = store.path

    def snapshot(self) -> StoreSnapshot:
        """The newest state of the store."""
        self._store.refresh()
        snapshot = self._store.snapshot
        stats = self._store.stats() if self._store.settings.mode == "a" else None
        # What is pending may be rolled back and replaced by as much of something else, so it is never known again.
        pending = stats is not None and stats.pending_blobs + stats.pending_rows > 0
        return StoreSnapshot(snapshot, object() if pending else None)


class StoreSnapshot:
    """The tables of one snapshot."""

    def __init__(self, snapshot: Snapshot, pending: object | None = None) -> None:
        self._snapshot = snapshot
        self._pending = pending
        self._collections = {info.name: info for info in snapshot.collections()}

    @property
    def version(self) -> Hashable:
        """Equal to another snapshot's when both show the same."""
        return self._snapshot.commit, self._pending

    def collections(self) -> list[str]:
        """The names of the collections, oldest first."""
        return [info.name for info in sorted(self._collections.values(), key=lambda info: info.id)]

    def collection(self, name: str) -> CollectionReader:
        info = self._collections[name]
        content = (info.id, info.first_seq, info.next_seq, info.rows, info.deleted_rows, self._pending)
        return CollectionReader(self._snapshot, name, info.rows, content)

    def system(self, table: str) -> SystemReader:
        return SystemReader(self._snapshot, table, (self.version, table))

    def running(self) -> frozenset[str]:
        """The runs of prompts that began, have not ended, and whose process is there."""
        begun: dict[str, dict[str, object]] = {}
        for row in self._snapshot.scan("_runs"):
            event = row.json()
            if event.get("event") == "begin":
                begun[event["run"]] = event
            else:
                begun.pop(event.get("run"), None)
        return frozenset(run for run, event in begun.items() if is_alive(event))


class CollectionReader:
    """A collection of one snapshot."""

    judges = True

    def __init__(self, snapshot: Snapshot, name: str, rows: int, content: Hashable) -> None:
        self._snapshot = snapshot
        self._name = name
        self.rows: int | None = rows
        self.content = content
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None

    @property
    def types(self) -> dict[str, str]:
        # Making the schema costs something with very many columns, and a collection that did not change needs none.
        with self._lock:
            if self._known is None:
                schema = self._snapshot.schema(self._name)
                self._known = {column.name: column.type for column in schema.columns}
            return self._known

    @property
    def columns(self) -> dict[str, bool]:
        return {name: kind in COMPARED for name, kind in self.types.items()}

    @property
    def casts(self) -> dict[str, str]:
        # Arrow has no integers of 128 bits: they come as decimals.
        return {name: kind for name, kind in self.types.items() if "HUGEINT" in kind}

    @property
    def signature(self) -> Hashable:
        return tuple(self.types.items())

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> Stream:
        return self._snapshot.arrow(self._name, columns, filters=filters, signs_of_life=bool(filters), views=views)


class SystemReader:
    """A system table of one snapshot. Predicates stay with DuckDB: these tables are short, or cost what their columns cost."""

    rows: int | None = None
    judges = False
    casts: ClassVar[dict[str, str]] = {}

    def __init__(self, snapshot: Snapshot, table: str, content: Hashable) -> None:
        self._snapshot = snapshot
        self._table = table
        self.content = content
        self._names = snapshot.table(table).columns

    @property
    def columns(self) -> dict[str, bool]:
        return dict.fromkeys(self._names, False)

    @property
    def signature(self) -> Hashable:
        return self._table

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> Stream:
        del filters, views  # No predicate comes here, see `judges`, and no record's text is in these tables.
        return self._snapshot.table(self._table, columns)

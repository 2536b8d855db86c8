"""The tables of a `lakebed.Store`, for the views of an attached store."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lakebed._process import is_alive
from lakebed.duck.tables import Runs
from lakebed.store import Store
from lakebed.store import open as open_store

if TYPE_CHECKING:
    from lakebed._backend import ArrowStream
    from lakebed._snapshot import Snapshot
    from lakebed.duck.predicates import Filter

_COMPARABLE = frozenset(
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


def provider_of(path: str | os.PathLike[str] | Store) -> StoreSnapshots:
    """The snapshots of an open store, with its pending changes, or of a path, which is opened here for reading."""
    if isinstance(path, Store):
        return StoreSnapshots(path)
    return StoreSnapshots(open_store(path, "r"))


class StoreSnapshots:
    """The snapshots of one store object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = str(Path(store.path).resolve())
        self.given_path = store.path

    def snapshot(self) -> StoreTables:
        """The newest state of the store."""
        self._store.refresh()
        snapshot = self._store.snapshot
        stats = self._store.stats() if self._store.settings.mode == "a" else None
        # Pending changes may be rolled back and replaced by as many others: two snapshots with pending changes are
        # never equal.
        pending = stats is not None and stats.pending_blobs + stats.pending_rows > 0
        return StoreTables(snapshot, object() if pending else None)


class StoreTables:
    """The tables of one snapshot."""

    def __init__(self, snapshot: Snapshot, pending: object | None = None) -> None:
        self._snapshot = snapshot
        self._pending = pending
        self._collections = {info.name: info for info in snapshot.collections()}

    @property
    def version(self) -> Hashable:
        return self._snapshot.commit, self._pending

    def collections(self) -> list[str]:
        return [info.name for info in sorted(self._collections.values(), key=lambda info: info.id)]

    def collection(self, name: str) -> CollectionTable:
        info = self._collections[name]
        content = (info.id, info.first_seq, info.next_seq, info.rows, info.deleted_rows, self._pending)
        return CollectionTable(self._snapshot, name, info.rows, content)

    def system(self, table: str) -> SystemTable:
        return SystemTable(self._snapshot, table, (self.version, table))

    def runs(self) -> Runs:
        begun: dict[str, dict[str, object]] = {}
        into: set[str] = set()
        for row in self._snapshot.scan("_runs"):
            event = row.json()
            if event.get("event") == "begin":
                begun[event["run"]] = event
                into.add(str(event.get("into")))
            else:
                begun.pop(event.get("run"), None)
        return Runs(frozenset(run for run, event in begun.items() if is_alive(event)), frozenset(into))


class CollectionTable:
    """A collection of one snapshot."""

    takes_filters = True

    def __init__(self, snapshot: Snapshot, name: str, rows: int, content: Hashable) -> None:
        self._snapshot = snapshot
        self._name = name
        self.rows: int | None = rows
        self.content = content
        self._lock = threading.Lock()
        self._types: dict[str, str] | None = None

    @property
    def types(self) -> dict[str, str]:
        """The SQL types of the columns."""
        # A schema of very many columns is expensive, and a collection that did not change needs none.
        with self._lock:
            if self._types is None:
                schema = self._snapshot.schema(self._name)
                self._types = {column.name: column.type for column in schema.columns}
            return self._types

    @property
    def columns(self) -> dict[str, bool]:
        return {name: kind in _COMPARABLE for name, kind in self.types.items()}

    @property
    def casts(self) -> dict[str, str]:
        # Arrow has no integers of 128 bits: they come as decimals.
        return {name: kind for name, kind in self.types.items() if "HUGEINT" in kind}

    @property
    def signature(self) -> Hashable:
        return tuple(self.types.items())

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> ArrowStream:
        return self._snapshot.arrow(self._name, columns, filters=filters, signs_of_life=bool(filters), views=views)


class SystemTable:
    """A system table of one snapshot. DuckDB applies all predicates itself: these tables are short, or cost what their
    columns cost."""

    rows: int | None = None
    takes_filters = False
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

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> ArrowStream:
        del filters, views  # `takes_filters` is False, and no column of these tables is a record.
        return self._snapshot.table(self._table, columns)

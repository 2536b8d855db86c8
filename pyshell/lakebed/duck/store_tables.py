"""The tables of a `lakebed.Store`, for the views of an attached store."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lakebed._process import is_alive
from lakebed._snapshot import engine_of
from lakebed.duck.struct_types import struct_fields
from lakebed.duck.tables import Runs
from lakebed.errors import LakebedError
from lakebed.store import Store, has_pending
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
    """The snapshots of an open store, with its pending changes, or of whatever store is at a path, which is opened here
    for reading."""
    if isinstance(path, Store):
        return StoreSnapshots(path)
    return StoresAtPath(path)


class StoreSnapshots:
    """The snapshots of one store object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = str(Path(store.path).resolve())
        self.given_path = store.path
        self._number = 0
        """How many times another store took the place of this one."""

    def snapshot(self) -> StoreTables:
        """The newest state of the store."""
        self._store.refresh()
        snapshot = self._store.snapshot
        # Pending changes may be rolled back and replaced by as many others: two snapshots with pending changes are
        # never equal.
        return StoreTables(snapshot, object() if has_pending(self._store) else None, self._number)


class StoresAtPath(StoreSnapshots):
    """The snapshots of the store at a path. When that is another one than before, it is opened; a warning says so."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Read before the store is opened: if it is replaced in between, the next snapshot opens the new one.
        self._identity = _identity(os.fspath(path))
        super().__init__(open_store(path, "r"))

    def snapshot(self) -> StoreTables:
        """The newest state of the store at the path. Raises `StoreNotFound` when there is none any more."""
        identity = _identity(self.path)
        if identity != self._identity:
            store = open_store(self.path, "r")
            before, self._store, self._identity = self._store, store, identity
            self._number += 1
            if identity is not None and _uuid(before) != store.stats().uuid:
                message = f"The store {self.given_path} was replaced by another one, which the tables show from now on."
                warnings.warn(message, RuntimeWarning, stacklevel=2)
        return super().snapshot()


def _uuid(store: Store) -> str | None:
    """The identity of an open store; None when its directory was removed."""
    try:
        return store.stats().uuid
    except LakebedError:
        return None


def _identity(store: str) -> tuple[int, ...] | None:
    """What tells the store in a directory from another one: the file that is written once, when a store is made. None
    where there is none."""
    try:
        found = os.stat(os.path.join(store, "FORMAT"))  # noqa: PTH116, PTH118  (for each statement of the shell)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


class StoreTables:
    """The tables of one snapshot."""

    def __init__(self, snapshot: Snapshot, pending: object | None = None, store_number: int = 0) -> None:
        self._snapshot = snapshot
        self._pending = pending
        self._store_number = store_number

    @cached_property
    def _collections(self) -> dict[str, dict[str, Any]]:
        """The descriptions of the collections, by name."""
        return {info["name"]: info for info in engine_of(self._snapshot).collections()}

    @property
    def version(self) -> Hashable:
        return self._store_number, self._snapshot.commit, self._pending

    @property
    def commit(self) -> int:
        return self._snapshot.commit

    def collections(self) -> list[str]:
        return sorted(self._collections, key=lambda name: int(self._collections[name]["id"]))

    def collection(self, name: str) -> CollectionTable:
        info = self._collections[name]
        # Declared types, and types inferred anew, change the columns without the rows.
        schema = self._snapshot.schema_digest(name)
        content = tuple(info[key] for key in ("id", "first_seq", "next_seq", "rows", "deleted_rows"))
        return CollectionTable(
            self._snapshot, name, info["rows"], (self._store_number, *content, schema, self._pending)
        )

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
            elif event.get("event") == "end":
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
                self._types = self._snapshot.column_types(self._name)
            return self._types

    @property
    def columns(self) -> dict[str, bool]:
        return {name: kind in _COMPARABLE for name, kind in self.types.items()}

    def struct_field(self, names: tuple[str, ...]) -> tuple[str, bool] | None:
        path = ".".join(names)
        # A name with one of these could be read as another path.
        if path in self.types or any(mark in name for name in names for mark in ".[]"):
            return None
        # It may be the field of the keys that have none of their own, which is no key itself.
        if any(name.startswith("other_keys") for name in names[1:]):
            return None
        kind = self.types.get(names[0], "")
        for name in names[1:]:
            kind = next((field.type for field in struct_fields(kind) if field.name == name), "")
        return (path, kind in _COMPARABLE) if kind else None

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
    def types(self) -> dict[str, str]:
        return dict.fromkeys(self._names, "")

    @property
    def columns(self) -> dict[str, bool]:
        return dict.fromkeys(self._names, False)

    def struct_field(self, _names: tuple[str, ...]) -> None:
        return None

    @property
    def signature(self) -> Hashable:
        return self._table

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> ArrowStream:
        del filters, views  # `takes_filters` is False, and no column of these tables is a record.
        return self._snapshot.table(self._table, columns)

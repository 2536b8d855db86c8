"""A store attached to a DuckDB database: an in-memory database of views beside the user's.

What holds, on DuckDB 2 and on 1.x (tests/duck shows each):

- Every cursor of the database sees the views, and nothing has to be kept alive for them.
- Nothing is written to the user's database, which may be read-only.
- A query, and a transaction with all its queries, sees one commit of the store, even if another thread refreshes during
  it. (On DuckDB 1.x not if a query runs during the refresh.)

Any connection to the database finds the attachment by the type `sys.lakebed`. The scan objects of the views hold the
attachment, so it ends with `DETACH` or with the database.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from lakebed._sql_text import literal, quoted
from lakebed.duck.cursors import helper
from lakebed.duck.names import ViewName, view_names
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed.duck.tables import Runs, SnapshotProvider, Table, TableSnapshot
    from lakebed.duck.views import Views

SYSTEM_TABLES = ("blobs", "collections", "segments", "dictionaries", "commits")
SYSTEM_SCHEMA = "sys"
PREVIEW_SCHEMA = "glance"
"""The schema of the view of previews of blobs."""
_PREVIEW_TABLE = "glances"
"""The engine's name of the system table that this view reads."""
MARKER = "lakebed"

_PROMPT_TABLES = ("requests", "replies", "runs")
_PROMPT_NAMES = frozenset(
    (*_PROMPT_TABLES, *(f"_{name}" for name in _PROMPT_TABLES), "latest_results", "lakebed_reply")
)
"""What comes together: the views over the collections of prompts, those collections, and the macro over them."""
SYSTEM_NAMES = frozenset((*SYSTEM_TABLES, *_PROMPT_TABLES, "latest_results"))
"""The names of the tables about the store."""
_FUNCTION_PREFIX = "lakebed_"
"""What the names of the extension's functions begin with."""

_attachments: weakref.WeakValueDictionary[str, Attachment] = weakref.WeakValueDictionary()


class Attachment:
    """The views of one store in one DuckDB database, which has the name `name`; with `previews` also those of
    blobs (`lakebed.duck.blob_preview`).

    With `on_demand` there are views of what `show` has named, and of nothing else: a store may have very many
    collections. They are of the newest commit, or, if `pinned`, of the one that `refresh` has moved to, and those of
    the system are there from the beginning. The extension's functions are loaded in the same way by `load_functions`,
    if that is given. With `reads_files` DuckDB reads Parquet files of the store itself, where its settings allow it.
    """

    def __init__(
        self,
        name: str,
        provider: SnapshotProvider,
        *,
        previews: bool = False,
        reads_files: bool = True,
        on_demand: bool = False,
        pinned: bool = False,
        load_functions: Callable[[duckdb.DuckDBPyConnection], object] | None = None,
    ) -> None:
        self.name = name
        self.has_previews = previews
        self._reads_files = reads_files
        self._shows_previews = False
        self._named: set[str] | None = set() if on_demand else None
        if on_demand and pinned:
            # What DuckDB keeps of them keeps the attachment.
            self._named = set(SYSTEM_NAMES | _PROMPT_NAMES)
        self._pinned: TableSnapshot | None = None
        self._is_pinned = pinned
        self._known: frozenset[str] = frozenset()
        """The names of the pinned snapshot's tables, with their case folded."""
        self._load_functions = load_functions
        self.path = provider.path
        self._provider = provider
        self._token = os.urandom(8).hex()
        self._lock = threading.Lock()
        self._version: object = None
        self._commit = 0
        self._has_views = False
        self._prompt_views: object = None
        self._active_runs: frozenset[str] = frozenset()
        self._paths = (provider.path, provider.given_path)

    def install(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Attaches the database of the store and creates its views. Raises `InvalidArgument` if the name is taken."""
        with helper(connection) as cursor:
            taken = cursor.execute(
                "SELECT 1 FROM duckdb_databases() WHERE lower(database_name) = lower(?)", [self.name]
            ).fetchone()
            if taken:
                message = (
                    f"The connection already has a database named {self.name!r}: give the store another name, "
                    f'as in lakebed.attach(con, {self.path!r}, name="{self.name}_store").'
                )
                raise InvalidArgument(message)
            # Of this in-memory database only: a read-only connection attaches no other kind without it.
            cursor.execute(f"ATTACH ':memory:' AS {quoted(self.name)} (READ_WRITE)")
            try:
                cursor.execute(f"CREATE SCHEMA {quoted(self.name)}.{SYSTEM_SCHEMA}")
                if self.has_previews:
                    cursor.execute(f"CREATE SCHEMA {quoted(self.name)}.{PREVIEW_SCHEMA}")
                # A type, because lists of tables do not show types.
                cursor.execute(
                    f"CREATE TYPE {quoted(self.name)}.{SYSTEM_SCHEMA}.{MARKER} AS "
                    f"ENUM ({literal(self._token)}, {literal(self.path)})"
                )
                _attachments[self._token] = self
                self._show(connection, self._provider.snapshot())
            except BaseException:
                cursor.execute(f"DETACH {quoted(self.name)}")
                raise

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Moves all views to the newest commit. Returns whether anything changed."""
        with self._lock:
            snapshot = self._provider.snapshot()
            if snapshot.version == self._version and self._follows_settings(connection):
                # The process of an active run may have been killed.
                return bool(self._active_runs) and self._show_prompts(
                    connection, view_names(snapshot.collections()), snapshot.runs()
                )
            self._show(connection, snapshot)
            return True

    def follow_settings(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the views anew where settings of the connection have others made now."""
        with self._lock:
            if not self._follows_settings(connection):
                self._show(connection, self._provider.snapshot())

    @property
    def is_on_demand(self) -> bool:
        """Whether there may be views that have not been made."""
        return self._named is not None

    def show(self, connection: duckdb.DuckDBPyConnection, names: Collection[str] | None) -> bool:
        """Makes what has one of these case-folded names: views, and functions. None is for everything.

        Returns whether there may be something that was not there before.
        """
        with self._lock:
            if self._named is None:
                return False
            if self._load_functions is not None and (
                names is None or any(name.startswith(_FUNCTION_PREFIX) for name in names)
            ):
                self._load_functions(connection)
                self._load_functions = None
            if names is None:
                self._named = None
            else:
                wanted = set(names) & self._known if self._pinned is not None else set(names)
                if not wanted.isdisjoint(_PROMPT_NAMES):
                    wanted |= _PROMPT_NAMES
                if wanted <= self._named:
                    return False
                self._named |= wanted
            self._show(connection, self._pinned or self._provider.snapshot())
            return True

    def show_previews(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the view of previews, for one statement: `hide_previews` drops it, so that lists of tables are without
        it."""
        self._set_previews(connection, shown=True)

    def hide_previews(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Drops the view of previews, if it is there."""
        self._set_previews(connection, shown=False)

    def _set_previews(self, connection: duckdb.DuckDBPyConnection, *, shown: bool) -> None:
        with self._lock:
            if self.has_previews and self._shows_previews != shown:
                self._shows_previews = shown
                self._show(connection, self._provider.snapshot())

    @property
    def commit(self) -> int:
        """The number of the commit that the views show."""
        return self._commit

    def view_names(self) -> list[str]:
        """The names of the views of all collections, whether they have been made or not."""
        return list(view_names(self._provider.snapshot().collections()).values())

    def tables(self) -> dict[ViewName, Table]:
        """Every table of the store as of now, by the name of its view, whether that view has been made or not."""
        return self._tables(self._provider.snapshot(), None)

    @cached_property
    def _views(self) -> Views:
        # What makes views imports all of DuckDB's package.
        from lakebed.duck.views import views

        return views(self.name, self, reads_files=self._reads_files)

    def _follows_settings(self, connection: duckdb.DuckDBPyConnection) -> bool:
        return not self._has_views or self._views.follows_settings(connection)

    def _is_named(self, view: str) -> bool:
        return self._named is None or view.casefold() in self._named

    def _tables(self, snapshot: TableSnapshot, named: set[str] | None) -> dict[ViewName, Table]:
        """The tables of a snapshot with these names, None for all."""
        if named is not None and not named:
            return {}
        tables: dict[ViewName, Table] = {
            ViewName("main", view): snapshot.collection(name)
            for name, view in view_names(snapshot.collections()).items()
            if named is None or view.casefold() in named
        }
        for table in SYSTEM_TABLES:
            if named is None or table in named:
                tables[ViewName(SYSTEM_SCHEMA, table)] = snapshot.system(table)
        return tables

    def _show(self, connection: duckdb.DuckDBPyConnection, snapshot: TableSnapshot) -> None:
        """Makes the views show a snapshot."""
        names = view_names(snapshot.collections()) if self._named is None or self._named else {}
        wanted = self._named
        runs = snapshot.runs() if self._is_named("runs") and "_runs" in names else None
        if runs is not None and wanted is not None:
            # The results of runs are read by a view over them.
            wanted = wanted | {view.casefold() for name, view in names.items() if name in runs.into}
        tables = self._tables(snapshot, wanted)
        if self._shows_previews:
            tables[ViewName(PREVIEW_SCHEMA, "blobs")] = snapshot.system(_PREVIEW_TABLE)
        if tables or self._has_views:
            self._views.show(connection, tables)
            self._has_views = True
        self._version = snapshot.version
        self._commit = snapshot.commit
        # The views hold it where all have been made.
        self._pinned = snapshot if self._is_pinned and self._named is not None else None
        self._known = frozenset(view.casefold() for view in names.values()) if self._pinned is not None else frozenset()
        if self._is_named("runs"):
            self._show_prompts(connection, names, runs)

    def _show_prompts(self, connection: duckdb.DuckDBPyConnection, names: Mapping[str, str], runs: Runs | None) -> bool:
        """Creates the views over the collections of prompts; `names` are the views of all collections, `runs` those
        that there are. Returns whether they changed."""
        self._active_runs = runs.active if runs is not None else frozenset()
        results = {name: view for name, view in names.items() if runs is not None and name in runs.into}
        state = frozenset(names.values()) & _PROMPT_NAMES, self._active_runs, results
        if state == self._prompt_views:
            return False
        from lakebed.duck.prompt_views import statements

        with helper(connection) as cursor:
            for statement in statements(
                self.name, SYSTEM_SCHEMA, state[0], sorted(self._active_runs), results, self._paths
            ):
                cursor.execute(statement)
        self._prompt_views = state
        return True


def attachments(connection: duckdb.DuckDBPyConnection) -> list[Attachment]:
    """The stores attached to the connection's database, by name."""
    with helper(connection) as cursor:
        markers = cursor.execute(
            "SELECT labels[1] FROM duckdb_types() WHERE schema_name = ? AND type_name = ? ORDER BY database_name",
            [SYSTEM_SCHEMA, MARKER],
        ).fetchall()
    found = (_attachments.get(token) for (token,) in markers)
    return [attachment for attachment in found if attachment is not None]

"""A store attached to a DuckDB database: an in-memory database of views beside the user's.

What holds, on DuckDB 2 and on 1.x (tests/duck shows each):

- Every cursor of the database sees the views, and nothing has to be kept alive for them.
- Nothing is written to the user's database, which may be read-only.
- A query, and a transaction with all its queries, sees one commit of the store, even if another thread refreshes during
  it. (On DuckDB 1.x not if a query runs during the refresh.)

Any connection to the database finds the attachment by the view `sys.lakebed`. The scan objects of the views hold the
attachment, so it ends with `DETACH` or with the database.
"""

from __future__ import annotations

import re
import secrets
import threading
import weakref
from typing import TYPE_CHECKING

from lakebed.duck import blob_preview
from lakebed.duck.names import literal, quoted, view_names
from lakebed.duck.prompt_views import NAMES, statements
from lakebed.duck.tables import Runs, SnapshotProvider, TableSnapshot
from lakebed.duck.views import ViewName, helper, views
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

SYSTEM_TABLES = ("blobs", "collections", "segments", "dictionaries", "commits")
SYSTEM_SCHEMA = "sys"
MARKER = "lakebed"

_TOKEN = re.compile(r"'([0-9a-f]{16})' AS \"?token\"?;?\s*$")
_attachments: weakref.WeakValueDictionary[str, Attachment] = weakref.WeakValueDictionary()


class Attachment:
    """The views of one store in one DuckDB database, which has the name `name`; with `previews` also those of
    `blob_preview`."""

    def __init__(self, name: str, provider: SnapshotProvider, *, previews: bool = False) -> None:
        self.name = name
        self._has_previews = previews
        self.path = provider.path
        self._provider = provider
        self._token = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._version: object = None
        self._views = views(name, self)
        self._prompt_views: object = None
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
                if self._has_previews:
                    cursor.execute(f"CREATE SCHEMA {quoted(self.name)}.{blob_preview.SCHEMA}")
                cursor.execute(
                    f"CREATE VIEW {quoted(self.name)}.{SYSTEM_SCHEMA}.{MARKER} AS "
                    f"SELECT {literal(self.path)} AS store, {literal(self._token)} AS token"
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
            if snapshot.version == self._version:
                # The process of an active run may have been killed.
                return self._active_runs != frozenset() and self._show_prompts(connection, snapshot, self._named)
            self._show(connection, snapshot)
            return True

    def _show(self, connection: duckdb.DuckDBPyConnection, snapshot: TableSnapshot) -> None:
        collections = snapshot.collections()
        named = view_names(collections)
        tables = {ViewName("main", named[name]): snapshot.collection(name) for name in collections}
        tables |= {ViewName(SYSTEM_SCHEMA, table): snapshot.system(table) for table in SYSTEM_TABLES}
        if self._has_previews:
            tables[ViewName(blob_preview.SCHEMA, blob_preview.TABLE)] = snapshot.system(blob_preview.ENGINE_TABLE)
        self._views.show(connection, tables)
        self._version = snapshot.version
        self._named = named
        self._show_prompts(connection, snapshot, named)

    def _show_prompts(
        self, connection: duckdb.DuckDBPyConnection, snapshot: TableSnapshot, named: dict[str, str]
    ) -> bool:
        """Creates the views over the collections of prompts; `named` are the views of all collections. Returns whether
        they changed."""
        runs = snapshot.runs() if "_runs" in named else Runs()
        self._active_runs = runs.active
        results = {name: view for name, view in named.items() if name in runs.into}
        state = frozenset(named.values()) & {f"_{name}" for name in NAMES}, self._active_runs, results
        if state == self._prompt_views:
            return False
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
            "SELECT sql FROM duckdb_views() WHERE schema_name = ? AND view_name = ? ORDER BY database_name",
            [SYSTEM_SCHEMA, MARKER],
        ).fetchall()
    found = (_attachments.get(token[1]) for (sql,) in markers if (token := _TOKEN.search(sql)) is not None)
    return [attachment for attachment in found if attachment is not None]

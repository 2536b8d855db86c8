"""The catalogue of one store inside a DuckDB database: an attached in-memory database of views.

What holds, on DuckDB 2 and on 1.x (tests/duck shows each):

- Every cursor of the database sees the views, and nothing has to be kept alive for them.
- Nothing is written to the user's database, which may be read-only.
- A query, and a transaction with all its queries, sees one commit of the store, whatever is refreshed meanwhile. (On DuckDB 1.x
  unless another thread refreshes while it runs.)

The catalogue is found again from any connection to the database by a view of its own, `sys.lakebed`. It lives as long as the views,
whose sources hold it, so it ends with `DETACH` or with the database.
"""

from __future__ import annotations

import re
import secrets
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

from lakebed.duck import blob_preview as glance
from lakebed.duck.names import literal, quoted, view_names
from lakebed.duck.prompt_views import NAMES, statements
from lakebed.duck.views import View, helper, views
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed.duck.table_scan import Reader

SYSTEM_TABLES = ("blobs", "collections", "segments", "dictionaries", "commits")
SYSTEM_SCHEMA = "sys"
MARKER = "lakebed"

_TOKEN = re.compile(r"'([0-9a-f]{16})' AS \"?token\"?;?\s*$")
_catalogues: weakref.WeakValueDictionary[str, Catalogue] = weakref.WeakValueDictionary()


class Snapshot(Protocol):
    """The store as of one commit."""

    @property
    def version(self) -> object:
        """Equal to another snapshot's when both show the same."""
        ...

    def collections(self) -> list[str]:
        """The names of the collections, oldest first."""
        ...

    def collection(self, name: str) -> Reader: ...

    def system(self, table: str) -> Reader: ...

    def running(self) -> frozenset[str]:
        """The runs of prompts that are under way."""
        ...


class Origin(Protocol):
    """Where snapshots come from."""

    @property
    def path(self) -> str: ...

    @property
    def given(self) -> str:
        """The path as it was given."""
        ...

    def snapshot(self) -> Snapshot:
        """The newest state of the store."""
        ...


class Catalogue:
    """The views of one store in one DuckDB database; with `glances`, for `lakebed.duck.blob_preview` too."""

    def __init__(self, name: str, origin: Origin, *, glances: bool = False) -> None:
        self.name = name
        self._glances = glances
        self.path = origin.path
        self._origin = origin
        self._token = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._version: object = None
        self._views = views(name, self)
        self._prompts: object = None
        self._names = (origin.path, origin.given)

    def install(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Attaches the catalogue's database and makes its views."""
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
            # READ_WRITE is about this in-memory database only; a read-only connection would otherwise refuse it.
            cursor.execute(f"ATTACH ':memory:' AS {quoted(self.name)} (READ_WRITE)")
            try:
                cursor.execute(f"CREATE SCHEMA {quoted(self.name)}.{SYSTEM_SCHEMA}")
                if self._glances:
                    cursor.execute(f"CREATE SCHEMA {quoted(self.name)}.{glance.SCHEMA}")
                cursor.execute(
                    f"CREATE VIEW {quoted(self.name)}.{SYSTEM_SCHEMA}.{MARKER} AS "
                    f"SELECT {literal(self.path)} AS store, {literal(self._token)} AS token"
                )
                _catalogues[self._token] = self
                self._move(connection, self._origin.snapshot())
            except BaseException:
                cursor.execute(f"DETACH {quoted(self.name)}")
                raise

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Moves all views to the newest commit; whether there was one."""
        with self._lock:
            snapshot = self._origin.snapshot()
            if snapshot.version == self._version:
                # A run that was under way may have been killed.
                return self._running != frozenset() and self._show_prompts(connection, snapshot, self._made)
            self._move(connection, snapshot)
            return True

    def _move(self, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
        collections = snapshot.collections()
        named = view_names(collections)
        tables = {View("main", named[name]): snapshot.collection(name) for name in collections}
        tables |= {View(SYSTEM_SCHEMA, table): snapshot.system(table) for table in SYSTEM_TABLES}
        if self._glances:
            tables[View(glance.SCHEMA, glance.TABLE)] = snapshot.system(glance.SOURCE)
        self._views.show(connection, tables)
        self._version = snapshot.version
        self._made = frozenset(named.values())
        self._show_prompts(connection, snapshot, self._made)

    def _show_prompts(self, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, made: frozenset[str]) -> bool:
        """Makes the views of what prompts left; whether they changed."""
        self._running = snapshot.running() if "_runs" in made else frozenset()
        state = made & {f"_{name}" for name in NAMES}, self._running
        if state == self._prompts:
            return False
        with helper(connection) as cursor:
            for statement in statements(self.name, SYSTEM_SCHEMA, state[0], sorted(self._running), self._names):
                cursor.execute(statement)
        self._prompts = state
        return True


def catalogues(connection: duckdb.DuckDBPyConnection) -> list[Catalogue]:
    """The catalogues of stores in the connection's database, by name."""
    with helper(connection) as cursor:
        markers = cursor.execute(
            "SELECT sql FROM duckdb_views() WHERE schema_name = ? AND view_name = ? ORDER BY database_name",
            [SYSTEM_SCHEMA, MARKER],
        ).fetchall()
    found = (_catalogues.get(token[1]) for (sql,) in markers if (token := _TOKEN.search(sql)) is not None)
    return [catalogue for catalogue in found if catalogue is not None]

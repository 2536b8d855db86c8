"""How the views of an attached store are made to show a snapshot: one way for DuckDB 2, one for 1.x.

Both make views with `relation.create_view`: the view owns the Python object it reads, so that every cursor of the
database sees it and no variable has to stay alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from lakebed._sql_text import quoted
from lakebed.duck.cursors import helper, plain_cursor
from lakebed.duck.names import ViewName
from lakebed.duck.table_scan import TableScan, has_pushdown, table_scan
from lakebed.duck.tables import SEQ, Table
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Hashable

    import duckdb

OBJECT_SCHEMA = "behind"
"""The schema of the views that own objects, on DuckDB 1.x."""


class Views(Protocol):
    """The views of one attached store."""

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[ViewName, Table]) -> None:
        """Creates, replaces and drops views so that there is one for each of these tables, in one transaction."""
        ...


def views(database: str, owner: object) -> Views:
    """The implementation for this DuckDB. `owner` lives as long as there are views."""
    return ReplacedViews(database, owner) if has_pushdown() else StandingViews(database, owner)


class ReplacedViews:
    """For DuckDB 2: a view whose table changed is replaced, all in one transaction.

    DuckDB's own transactions then show every query one snapshot, and release an old one when no transaction can see it.
    A view whose rows are the same stays, and reads them from the new snapshot.
    """

    def __init__(self, database: str, owner: object) -> None:
        self._database = database
        # Weak in both directions: the scan objects hold the owner, and DuckDB holds the scan objects.
        self._owner = weakref.ref(owner)
        self._made: dict[ViewName, tuple[Hashable, weakref.ref[TableScan]]] = {}

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[ViewName, Table]) -> None:
        made: dict[ViewName, tuple[Hashable, weakref.ref[TableScan]]] = {}
        moves: list[tuple[TableScan, Table]] = []
        with helper(connection) as cursor, _transaction(cursor):
            for view, table in tables.items():
                content, known = self._made.get(view, (None, None))
                scan = known() if known is not None and content == table.content else None
                if scan is None:
                    scan = table_scan(table, self._owner())
                    _create(cursor, self._database, view, scan)
                else:
                    moves.append((scan, table))
                made[view] = (table.content, weakref.ref(scan))
            for view in self._made.keys() - made.keys():
                cursor.execute(f"DROP VIEW IF EXISTS {_qualified(self._database, view)}")
        for scan, table in moves:
            scan.move(table)
        self._made = made


class StandingViews:
    """For DuckDB 1.x: views that own an object are made once and never replaced or dropped.

    DuckDB 1.x creates a view from an object while it holds Python's global lock, and frees the objects of a replaced
    view while it holds the lock of its catalogue: two threads that do both deadlock. So the object of a view is moved
    to the new snapshot instead, and a second view in front of it, plain SQL, names the object with the current columns.
    A query that runs in another thread during a refresh may therefore see two snapshots.

    Scans of such a view also use the connection that made it, which therefore stays open, until the user's connection
    is closed.
    """

    def __init__(self, database: str, owner: object) -> None:
        self._database = database
        self._owner = weakref.ref(owner)
        self._maker: duckdb.DuckDBPyConnection | None = None
        self._numbers = count(1)
        self._object_views: dict[tuple[ViewName, Hashable], tuple[int, weakref.ref[TableScan]]] = {}
        self._shown: dict[ViewName, int] = {}

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[ViewName, Table]) -> None:
        maker = self._open_maker(connection)
        shown: dict[ViewName, int] = {}
        for view, table in tables.items():
            number, known = self._object_views.get((view, table.signature), (0, None))
            scan = known() if known is not None else None
            if scan is None:
                number, scan = next(self._numbers), table_scan(table, self._owner())
                _create(maker, self._database, ViewName(OBJECT_SCHEMA, f"v{number}"), scan)
                self._object_views[view, table.signature] = (number, weakref.ref(scan))
            scan.move(table)
            shown[view] = number
        with _transaction(maker):
            for view, number in shown.items():
                if self._shown.get(view) != number:
                    front, behind = (
                        _qualified(self._database, name) for name in (view, ViewName(OBJECT_SCHEMA, f"v{number}"))
                    )
                    maker.execute(f"CREATE OR REPLACE VIEW {front} AS FROM {behind}")
            for view in self._shown.keys() - shown.keys():
                maker.execute(f"DROP VIEW IF EXISTS {_qualified(self._database, view)}")
        self._shown = shown
        for number, known in self._object_views.values():
            scan = known()
            if scan is not None and number not in shown.values():
                scan.move(_RetiredTable(scan.table))

    def _open_maker(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The connection that makes views. If it was closed, its views are dead, and a new one makes new ones."""
        import duckdb

        if self._maker is not None:
            try:
                self._maker.execute("SELECT 1")
            except duckdb.Error:
                self._maker = None
                self._object_views.clear()
        if self._maker is None:
            self._maker = plain_cursor(connection)
            self._maker.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._database)}.{OBJECT_SCHEMA}")
        return self._maker


class _RetiredTable:
    """The table of a view that is no longer shown: it keeps its columns and holds no snapshot."""

    takes_filters = False
    rows = 0
    content = None

    def __init__(self, table: Table) -> None:
        self.columns = table.columns
        self.types = table.types
        self.casts = table.casts
        self.signature = table.signature

    def struct_field(self, _names: tuple[str, ...]) -> None:
        return None

    def open(self, _columns: list[str], _filters: list[Any], *, views: bool = False) -> Any:
        del views
        message = "The columns of this view changed while the statement was being prepared: run it again."
        raise InvalidArgument(message)


@contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def _qualified(database: str, view: ViewName) -> str:
    return ".".join(quoted(part) for part in (database, *view))


def _scannable(scan: TableScan) -> object:
    """The object to pass to `from_arrow`: on DuckDB 1.x with pyarrow a dataset, otherwise the scan object itself."""
    if has_pushdown():
        return scan
    try:
        from lakebed.duck.pyarrow_dataset import dataset
    except ImportError:
        return scan
    return dataset(scan)


def _create(cursor: duckdb.DuckDBPyConnection, database: str, view: ViewName, scan: TableScan) -> None:
    """Creates or replaces a view that owns the scan object."""
    table = scan.table
    # create_view takes a single name, in which dots mean nothing, and creates the view in the current schema.
    cursor.execute(f"USE {quoted(database)}.{quoted(view.schema)}")
    relation: Any = cursor.from_arrow(_scannable(scan))
    if SEQ in table.columns:
        # Only the all-NULL rows of a filtered stream have no sequence number.
        relation = relation.filter(f"{quoted(SEQ)} IS NOT NULL")
        casts = table.casts
        shown = (
            f"CAST({quoted(name)} AS {casts[name]}) AS {quoted(name)}" if name in casts else quoted(name)
            for name in table.columns
        )
        relation = relation.project(", ".join(shown))
    relation.create_view(view.name, replace=True)

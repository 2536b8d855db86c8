"""How the views of a catalogue come to show a snapshot: one way for DuckDB 2, one for 1.x.

Both make views through `relation.create_view`, where the view owns the Python object it reads, so that every cursor of the database
sees it and no variable has to stay alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lakebed.duck.names import quoted
from lakebed.duck.table_scan import SEQ, Reader, Source, has_pushdown, scannable, source
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Hashable

    import duckdb

BEHIND = "behind"
"""The schema of the views that own objects, on DuckDB 1.x."""


class View(NamedTuple):
    """A view in the catalogue's database."""

    schema: str
    name: str


class Views(Protocol):
    """The views of one catalogue."""

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[View, Reader]) -> None:
        """Makes the views be these, and read these, in one transaction."""
        ...


def views(database: str, owner: object) -> Views:
    """The way that suits this DuckDB. `owner` lives as long as there are views."""
    return ReplacedViews(database, owner) if has_pushdown() else StandingViews(database, owner)


class ReplacedViews:
    """For DuckDB 2: a view whose table changed is replaced, all in one transaction.

    DuckDB's own transactions then show every query one snapshot, and let an old one go when nobody can see it any more. A view whose
    rows are the same stays, and reads them through the new snapshot.
    """

    def __init__(self, database: str, owner: object) -> None:
        self._database = database
        # Weak both ways: the sources own the owner, and DuckDB owns the sources.
        self._owner = weakref.ref(owner)
        self._made: dict[View, tuple[Hashable, weakref.ref[Source]]] = {}

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[View, Reader]) -> None:
        made: dict[View, tuple[Hashable, weakref.ref[Source]]] = {}
        moves: list[tuple[Source, Reader]] = []
        with helper(connection) as cursor, _transaction(cursor):
            for view, reader in tables.items():
                content, known = self._made.get(view, (None, None))
                table = known() if known is not None and content == reader.content else None
                if table is None:
                    table = source(reader, self._owner())
                    _create(cursor, self._database, view, table)
                else:
                    moves.append((table, reader))
                made[view] = (reader.content, weakref.ref(table))
            for view in self._made.keys() - made.keys():
                cursor.execute(f"DROP VIEW IF EXISTS {_in_full(self._database, view)}")
        for table, reader in moves:
            table.move(reader)
        self._made = made


class StandingViews:
    """For DuckDB 1.x: views that own an object are made once and never replaced or dropped.

    DuckDB 1.x makes a view from an object while it holds Python's global lock, and frees the objects of a replaced view while it
    holds the catalogue's: with two threads, both wait for ever. So the object of a view is moved to the new snapshot instead, and a
    view in front of it, of plain SQL, names the object for the columns there are now. A query that runs in another thread during a
    refresh may therefore see two snapshots.

    Scans of such a view also use the connection that made it, which therefore stays open, until the user's connection is closed.
    """

    def __init__(self, database: str, owner: object) -> None:
        self._database = database
        self._owner = weakref.ref(owner)
        self._maker: duckdb.DuckDBPyConnection | None = None
        self._numbers = count(1)
        self._behind: dict[tuple[View, Hashable], tuple[int, weakref.ref[Source]]] = {}
        self._shown: dict[View, int] = {}

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[View, Reader]) -> None:
        maker = self._open_maker(connection)
        shown: dict[View, int] = {}
        for view, reader in tables.items():
            number, known = self._behind.get((view, reader.signature), (0, None))
            table = known() if known is not None else None
            if table is None:
                number, table = next(self._numbers), source(reader, self._owner())
                _create(maker, self._database, View(BEHIND, f"v{number}"), table)
                self._behind[view, reader.signature] = (number, weakref.ref(table))
            table.move(reader)
            shown[view] = number
        with _transaction(maker):
            for view, number in shown.items():
                if self._shown.get(view) != number:
                    front = _in_full(self._database, view)
                    maker.execute(f"CREATE OR REPLACE VIEW {front} AS FROM {quoted(self._database)}.{BEHIND}.v{number}")
            for view in self._shown.keys() - shown.keys():
                maker.execute(f"DROP VIEW IF EXISTS {_in_full(self._database, view)}")
        self._shown = shown
        for number, known in self._behind.values():
            table = known()
            if table is not None and number not in shown.values():
                table.move(_Retired(table.reader))

    def _open_maker(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The connection that makes views. When somebody closed it, the views it made are dead, and a new one makes new ones."""
        import duckdb

        if self._maker is not None:
            try:
                self._maker.execute("SELECT 1")
            except duckdb.Error:
                self._maker = None
                self._behind.clear()
        if self._maker is None:
            self._maker = connection.cursor()
            self._maker.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._database)}.{BEHIND}")
        return self._maker


class _Retired:
    """A table that no view names any more: it keeps its columns and lets its snapshot go."""

    def __init__(self, reader: Reader) -> None:
        self.columns = reader.columns
        self.casts = reader.casts
        self.judges = False
        self.rows = 0
        self.signature = reader.signature
        self.content = None
        self.judges = False

    def open(self, _columns: list[str], _filters: list[Any], *, views: bool = False) -> Any:
        del views
        message = "The columns of this view changed while the statement was being prepared: run it again."
        raise InvalidArgument(message)


@contextmanager
def helper(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the same database with a transaction and settings of its own, whatever the user's connection is doing."""
    cursor = connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


@contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def _in_full(database: str, view: View) -> str:
    return ".".join(quoted(part) for part in (database, *view))


def _create(cursor: duckdb.DuckDBPyConnection, database: str, view: View, table: Source) -> None:
    """Makes or replaces a view that owns the table."""
    reader = table.reader
    # create_view takes one name, whatever dots it has, and puts it where unqualified names go.
    cursor.execute(f"USE {quoted(database)}.{quoted(view.schema)}")
    relation: Any = cursor.from_arrow(scannable(table))
    if SEQ in reader.columns:
        # Only the signs of life of a filtered scan have no sequence number.
        relation = relation.filter(f"{quoted(SEQ)} IS NOT NULL")
        casts = reader.casts
        shown = (
            f"CAST({quoted(name)} AS {casts[name]}) AS {quoted(name)}" if name in casts else quoted(name)
            for name in reader.columns
        )
        relation = relation.project(", ".join(shown))
    relation.create_view(view.name, replace=True)

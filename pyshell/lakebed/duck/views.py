"""How the views of an attached store are made to show a snapshot: one way for DuckDB 2, one for 1.x.

Both make views with `relation.create_view`: the view owns the Python object it reads, so that every cursor of the
database sees it and no variable has to stay alive.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lakebed._sql_text import quoted
from lakebed.duck.cursors import helper, may_open_files, plain_cursor
from lakebed.duck.names import ViewName
from lakebed.duck.parquet_parts import FileRows, OtherRows, Piece
from lakebed.duck.table_scan import TableScan, has_pushdown, table_scan
from lakebed.duck.tables import SEQ, Table
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

OBJECT_SCHEMA = "behind"
"""The schema of the views that own objects, on DuckDB 1.x."""


class Views(Protocol):
    """The views of one attached store."""

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[ViewName, Table]) -> None:
        """Creates, replaces and drops views so that there is one for each of these tables, in one transaction."""
        ...

    def follows_settings(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether the settings of the connection would have the views made in the same way now."""
        ...


_Parts = list[tuple["weakref.ref[TableScan]", "OtherRows | None"]]
"""Scan objects, each with the rows that it has; None for all."""


_Scans = list[tuple[TableScan, "OtherRows | None"]]
"""The same, held."""


class _Made(NamedTuple):
    """A view that was made."""

    content: tuple[Hashable, bool]
    parts: _Parts
    is_owner: bool
    is_in_files: bool

    def scans(self) -> _Scans | None:
        """The scan objects; None if the view is gone."""
        found = [(scan, rows) for known, rows in self.parts if (scan := known()) is not None]
        return found if len(found) == len(self.parts) else None


def views(database: str, owner: object, *, reads_files: bool) -> Views:
    """The implementation for this DuckDB. `owner` lives as long as there are views. `reads_files`: whether DuckDB will
    be allowed to open the files of the store."""
    if has_pushdown():
        return ReplacedViews(database, owner, reads_files=reads_files)
    return StandingViews(database, owner)


class ReplacedViews:
    """For DuckDB 2: a view whose table changed is replaced, all in one transaction.

    DuckDB's own transactions then show every query one snapshot, and release an old one when no transaction can see it.
    A view whose rows are the same stays, and reads them from the new snapshot.

    Rows in Parquet files are read by DuckDB itself, where its settings allow it to open files.
    """

    def __init__(self, database: str, owner: object, *, reads_files: bool) -> None:
        self._database = database
        # Weak in both directions: the scan objects hold the owner, and DuckDB holds the scan objects.
        self._owner = weakref.ref(owner)
        self._made: dict[ViewName, _Made] = {}
        self._reads_files = reads_files
        # What holds the files of views that DuckDB reads whole, where no view of the system is there to own it.
        self._kept: list[TableScan] = []

    def show(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[ViewName, Table]) -> None:
        reads_files = (
            self._reads_files and any(table.is_in_files for table in tables.values()) and may_open_files(connection)
        )
        made: dict[ViewName, _Made] = {}
        new: list[tuple[ViewName, Any]] = []
        moves: list[tuple[TableScan, Table]] = []
        kept: list[TableScan] = []
        keepers: list[TableScan] = []
        with helper(connection) as cursor:
            for view, table in tables.items():
                content = (table.content, reads_files and table.is_in_files)
                known = self._made.get(view)
                scans = known.scans() if known is not None and known.content == content else None
                if known is None or scans is None:
                    relation, parts, is_owner = self._relation(cursor, table, reads_files=reads_files)
                    new.append((view, relation))
                    made[view] = _Made(
                        content, [(weakref.ref(scan), rows) for scan, rows in parts], is_owner, table.is_in_files
                    )
                    if not is_owner:
                        kept += [scan for scan, _ in parts]
                    elif not table.takes_filters:
                        # The tables about the store are made anew for every commit.
                        keepers += [scan for scan, _ in parts]
                else:
                    moves += [(scan, table if rows is None else table.part(rows)) for scan, rows in scans]
                    made[view] = known
                    if not known.is_owner:
                        kept += [scan for scan, _ in scans]
                    elif not table.takes_filters:
                        # Of the same commit: another view of it is made.
                        keepers += [scan for scan, _ in scans]
            for keeper in keepers[:1]:
                keeper.keeps = [*(scan for scan in keeper.keeps if scan not in kept), *kept]
            with _transaction(cursor):
                for view, relation in new:
                    # create_view takes a single name, in which dots mean nothing, and creates the view in the current
                    # schema.
                    cursor.execute(f"USE {quoted(self._database)}.{quoted(view.schema)}")
                    relation.create_view(view.name, replace=True)
                for view in self._made.keys() - made.keys():
                    cursor.execute(f"DROP VIEW IF EXISTS {_qualified(self._database, view)}")
        for scan, table in moves:
            scan.move(table)
        self._made = made
        self._kept = [] if keepers else kept

    def follows_settings(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether the views would be made in the same way now."""
        in_files = [made.content[1] for made in self._made.values() if made.is_in_files]
        return not in_files or any(in_files) is (self._reads_files and may_open_files(connection))

    def _relation(self, cursor: Any, table: Table, *, reads_files: bool) -> tuple[Any, _Scans, bool]:
        """What a view shows, its scan objects, and whether it owns them."""
        import duckdb

        if reads_files and (pieces := table.pieces()):
            with contextlib.suppress(duckdb.Error):
                # Where DuckDB does not read the files, they are scanned.
                return self._joined(cursor, table, pieces)
        scan = table_scan(table, self._owner())
        return _shown(cursor, scan), [(scan, None)], True

    def _joined(self, cursor: Any, table: Table, pieces: Sequence[Piece]) -> tuple[Any, _Scans, bool]:
        """The rows that DuckDB reads from files, and those that are scanned."""
        import duckdb

        from lakebed.duck.record_functions import computed_columns, make_functions

        make_functions(cursor)
        scans = {
            piece: table_scan(table.part(piece), self._owner()) for piece in pieces if isinstance(piece, OtherRows)
        }
        # The scan objects have the snapshot, and with it the files.
        computed = computed_columns(next(iter(scans.values())))
        relations = [
            cursor.sql(piece.query(computed)) if isinstance(piece, FileRows) else _shown(cursor, scans[piece])
            for piece in pieces
        ]
        types = [str(kind) for kind in relations[-1].types]
        if any([str(kind) for kind in relation.types] != types for relation in relations):
            raise duckdb.InvalidInputException("The types of a Parquet file are not those of its collection.")
        # Of a union DuckDB reads objects whole: there is none where all rows are in files.
        shown = [
            relation
            for relation, piece in zip(relations, pieces, strict=True)
            if isinstance(piece, FileRows) or piece.start != piece.stop
        ]
        whole = shown[0]
        for relation in shown[1:]:
            whole = whole.union(relation)
        is_owner = any(piece.start != piece.stop for piece in scans)
        return whole, [(scan, piece) for piece, scan in scans.items()], is_owner


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

    def follows_settings(self, _connection: duckdb.DuckDBPyConnection) -> bool:
        return True

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
    is_in_files = False
    rows = 0
    content = None

    def __init__(self, table: Table) -> None:
        self.columns = table.columns
        self.types = table.types
        self.casts = table.casts
        self.signature = table.signature

    def struct_field(self, _names: tuple[str, ...]) -> None:
        return None

    def pieces(self) -> list[Piece]:
        return []

    def part(self, _rows: OtherRows) -> _RetiredTable:
        return self

    def record_values(self, _column: str, _seqs: Sequence[int]) -> Sequence[str | None]:
        return []

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
    cursor.execute(f"USE {quoted(database)}.{quoted(view.schema)}")
    _shown(cursor, scan).create_view(view.name, replace=True)


def _shown(cursor: duckdb.DuckDBPyConnection, scan: TableScan) -> Any:
    """The rows of a scan object as a view shows them."""
    table = scan.table
    relation: Any = cursor.from_arrow(_scannable(scan))
    if SEQ not in table.columns:
        return relation
    # Only the all-NULL rows of a filtered stream have no sequence number.
    relation = relation.filter(f"{quoted(SEQ)} IS NOT NULL")
    casts = table.casts
    shown = (
        f"CAST({quoted(name)} AS {casts[name]}) AS {quoted(name)}" if name in casts else quoted(name)
        for name in table.columns
    )
    return relation.project(", ".join(shown))

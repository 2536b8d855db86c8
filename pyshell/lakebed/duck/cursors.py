"""Connections whose cursors find the collections by their short names, and whose ATTACH takes stores.

A cursor of DuckDB begins with the default search path, and there is no setting for all of them. Libraries that take a
connection (pandas, Polars, Ibis, SQLAlchemy) and threads work with cursors. So a connection of `lakebed.connect` gets a
class of its own, whose cursors begin with the search path of the connection.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lakebed._duckdb import duckdb
from lakebed.duck.tables_on_demand import StoresOnDemand, connections_of

__all__ = ["AttachStore", "helper", "may_open_files", "plain_cursor", "with_search_path"]

_ATTACH = re.compile(
    r"""\s* ATTACH \s+ (?:DATABASE \s+)? (?P<may_exist> IF \s+ NOT \s+ EXISTS \s+)? '(?P<path>(?:[^']|'')+)'
    (?: \s* AS \s+ (?: "(?P<quoted>(?:[^"]|"")+)" | (?P<name>\w+) ) )? (?P<options> \s* \( [^()]* \) )? \s* ;? \s*""",
    re.IGNORECASE | re.VERBOSE,
)


_ACCESS = "enable_external_access"
"""The setting that says whether SQL may open files."""


class AttachStore(NamedTuple):
    """An ATTACH of a store."""

    path: str
    name: str
    may_exist: bool


def _attached_store(connection: duckdb.DuckDBPyConnection, query: object) -> AttachStore | None:
    """The store that a statement attaches; None for every other statement, and where DuckDB's settings forbid it."""
    if not isinstance(query, str) or not (found := _ATTACH.fullmatch(query)) or found["options"]:
        return None
    path = found["path"].replace("''", "'")
    place = Path(path).expanduser()
    if not (place / "FORMAT").is_file() or not may_open_files(connection):
        return None
    name = found["quoted"].replace('""', '"') if found["quoted"] else found["name"]
    return AttachStore(str(place), name or place.name.removesuffix(".lakebed"), bool(found["may_exist"]))


def _arrow_table(connection: Any, rows_per_batch: int = 1_000_000) -> Any:
    """The rest of the result as a pyarrow table."""
    with warnings.catch_warnings():
        # DuckDB advises another way, which the library that calls this does not take.
        warnings.simplefilter("ignore", UserWarning)
        return connection.to_arrow_table(rows_per_batch)


def may_open_files(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the settings allow every file."""
    with helper(connection) as cursor:
        return cursor.execute("SELECT current_setting('enable_external_access')").fetchone() == (True,)


def with_search_path(
    connection: duckdb.DuckDBPyConnection,
    path: str,
    attach: Callable[[duckdb.DuckDBPyConnection, AttachStore], object],
    follow_settings: Callable[[duckdb.DuckDBPyConnection], object],
    on_demand: StoresOnDemand,
) -> None:
    """Sets the search path of a connection, and of all cursors that will be made of it. `attach` is called for an
    ATTACH of a store, `follow_settings` after a statement about access to files. Statements have the views of the
    stores on demand made that they name."""

    class Connection(connections_of(on_demand)):  # type: ignore[misc]
        __slots__ = ()

        def cursor(self) -> Any:
            return _prepared(super().cursor())

        def duplicate(self) -> Any:
            return _prepared(super().duplicate())

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            if (asked := _attached_store(self, query)) is not None:
                attach(self, asked)
                return self
            result = super().execute(query, *args, **kwargs)
            if isinstance(query, str) and _ACCESS in query.lower():
                follow_settings(self)
            return result

        def sql(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            if (asked := _attached_store(self, query)) is not None:
                attach(self, asked)
                return None
            relation = super().sql(query, *args, **kwargs)
            if isinstance(query, str) and _ACCESS in query.lower():
                follow_settings(self)
            return relation

        query = sql

        @property
        def connection(self) -> Any:
            """PEP 249: the connection of a cursor. Of DuckDB's, each is a connection."""
            return self

        @property
        def notices(self) -> list[str]:
            """SQLAlchemy's dialect for DuckDB reads the notices of the server."""
            return []

    if not hasattr(duckdb.DuckDBPyConnection, "fetch_arrow_table"):
        # DuckDB 2 calls it to_arrow_table; Ibis 12 calls it by its old name.
        Connection.fetch_arrow_table = _arrow_table
    # It is what DuckDB calls it: libraries look at the name.
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Connection, name, getattr(duckdb.DuckDBPyConnection, name))

    def _prepared(cursor: Any) -> Any:
        # The store may have been detached.
        with contextlib.suppress(duckdb.Error):
            cursor.execute("SET search_path = " + path)
        return _classed(cursor)

    def _classed(connection: Any) -> Any:
        # Where DuckDB's class does not allow it, the connection itself still has the path.
        with contextlib.suppress(TypeError):
            connection.__class__ = Connection
        return connection

    connection.execute("SET search_path = " + path)
    _classed(connection)


def plain_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor with DuckDB's default search path, whatever the class of the connection."""
    return duckdb.DuckDBPyConnection.cursor(connection)


@contextmanager
def helper(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the same database, with a transaction and settings of its own."""
    cursor = plain_cursor(connection)
    try:
        yield cursor
    finally:
        cursor.close()

"""Connections whose cursors find the collections by their short names.

A cursor of DuckDB begins with the default search path, and there is no setting for all of them. Libraries that take a
connection (pandas, Polars, Ibis, SQLAlchemy) and threads work with cursors. So a connection of `lakebed.connect` gets a
class of its own, whose cursors begin with the search path of the connection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lakebed._duckdb import duckdb

__all__ = ["helper", "plain_cursor", "with_search_path"]


def with_search_path(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Sets the search path of a connection, and of all cursors that will be made of it."""

    class Connection(duckdb.DuckDBPyConnection):
        __slots__ = ()

        def cursor(self) -> Any:
            return _prepared(super().cursor())

        def duplicate(self) -> Any:
            return _prepared(super().duplicate())

        @property
        def connection(self) -> Any:
            """PEP 249: the connection of a cursor. Of DuckDB's, each is a connection."""
            return self

        @property
        def notices(self) -> list[str]:
            """SQLAlchemy's dialect for DuckDB reads the notices of the server."""
            return []

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

"""Second connections to a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def helper(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the same database, with a transaction and settings of its own."""
    cursor = connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()

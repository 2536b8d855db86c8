"""The DuckDB connection of a command and of the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebed.duck.connection import attach_for_people, search
from lakebed.duck.functions import ALLOWED

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.commands.context import Context

NAME = "data"
"""What the store is called in SQL."""


def connect(context: Context, database: str | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB for people's statements, without the store: that is `show_store`'s. Times are shown in UTC."""
    import duckdb

    if database is not None:
        context.allow_file(database)
    # Variables of this program are not tables of the user.
    config: dict[str, str | bool | int | float | list[str]] = {
        "python_enable_replacements": False,
        ALLOWED: not context.safe,
    }
    connection = duckdb.connect(database or ":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    if context.safe:
        connection.execute("SET enable_external_access = false")
    return connection


def show_store(context: Context, connection: duckdb.DuckDBPyConnection) -> None:
    """Attaches the command's store. Under --safe without the functions of lakebed's extension, which open any store and file."""
    attach_for_people(connection, context.settings.store, NAME, functions=not context.safe)
    search(connection, NAME)
    if context.safe:
        connection.execute("SET lock_configuration = true")

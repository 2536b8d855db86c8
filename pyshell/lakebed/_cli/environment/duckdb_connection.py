"""The DuckDB connection of a command or a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebed._cli.results.transactions import in_transaction
from lakebed._duckdb import duckdb
from lakebed.duck.connection import attach_on_demand, search
from lakebed.duck.functions import ALLOWED

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context
    from lakebed.duck.attachment import Attachment

DATABASE = "data"
"""The name of the store's database in SQL."""


def connect(context: Context, database: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection for statements of users, on a database file or in memory. `attach_store` adds the store. Times are
    in UTC.

    Raises `InvalidArgument` for a database file under `--safe`.
    """
    if database is not None:
        context.allow_file(database)
    config: dict[str, str | bool | int | float | list[str]] = {
        # Variables of this program are not tables.
        "python_enable_replacements": False,
        ALLOWED: not context.safe,
    }
    connection = duckdb.connect(database or ":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    if context.safe:
        connection.execute("SET enable_external_access = false")
    context.in_transaction = lambda: in_transaction(connection)
    return connection


def attach_store(context: Context, connection: duckdb.DuckDBPyConnection) -> Attachment:
    """Attaches the context's store; `AttachedStores` then makes what statements name. Under `--safe`, without the
    functions of lakebed's extension, which open any store and file.

    Raises `StoreNotFound` when there is no store.
    """
    attachment = attach_on_demand(connection, context.settings.store, DATABASE, functions=not context.safe)
    search(connection, DATABASE)
    if context.safe:
        connection.execute("SET lock_configuration = true")
    return attachment

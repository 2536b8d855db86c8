"""`lakebed.connect`, `lakebed.attach` and `lakebed.refresh`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakebed.duck.attachment import SYSTEM_SCHEMA, Catalogue, Origin, catalogues
from lakebed.duck.functions import ALLOWED, load_functions
from lakebed.duck.names import literal, quoted
from lakebed.duck.store_tables import origin_of
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed import Store

__all__ = ["attach", "connect", "refresh"]


def connect(
    path: str | os.PathLike[str] | Store,
    database: str | os.PathLike[str] = ":memory:",
    config: Mapping[str, str | bool | int | float | list[str]] | None = None,
    *,
    read_only: bool = False,
    name: str = "data",
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that sees the store: `events` and `blobs`, or in full `data.events` and `data.sys.blobs`.

    `database`, `config` and `read_only` are `duckdb.connect`'s. Tables of that database come first where names are equal, and new
    ones go there: nothing of it is changed. A cursor of the connection sees the same by the full names; the short ones are a setting
    (`search_path`) of this connection.

    The functions of lakebed's DuckDB extension (`lakebed_scan`, `lakebed_get`, `lakebed_train`, ...) are there too. For that a database in
    memory is opened with `allow_unsigned_extensions`; for one in a file, put it into `config`: all connections of a program to one
    file must agree on it.

        con = lakebed.connect("data.lakebed")
        con.sql("SELECT type, count(*) FROM events GROUP BY ALL ORDER BY 2 DESC").show()
    """
    import duckdb

    origin = origin_of(path)
    settings = dict(config or {})
    if os.fspath(database) == ":memory:":
        settings.setdefault(ALLOWED, True)
    connection = duckdb.connect(os.fspath(database), read_only=read_only, config=settings)
    try:
        _show(connection, origin, name)
        load_functions(connection)
        search(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def search(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Lets short names on this connection find the tables of its own database, then those of the attached store."""
    row = connection.execute("SELECT current_database(), current_schema()").fetchone() or ("memory", "main")
    places = [(row[0], row[1]), (name, "main"), (name, SYSTEM_SCHEMA)]
    path_of_search = ",".join(f"{quoted(place)}.{quoted(schema)}" for place, schema in places)
    connection.execute(f"SET search_path = {literal(path_of_search)}")


def attach(connection: duckdb.DuckDBPyConnection, path: str | os.PathLike[str] | Store, name: str = "data") -> None:
    """Adds the store to a DuckDB connection and all its cursors: `data.events`, `data.sys.blobs`.

    The views live in a catalogue of their own, in memory; `DETACH data` removes them. Attaching the same store under the same name
    again is `refresh`. Several stores can be attached under several names.

    Where the connection allows unsigned extensions, the functions of lakebed's extension are loaded too; where not, that is said
    once.
    """
    _show(connection, origin_of(path), name)
    load_functions(connection)


def _show(connection: duckdb.DuckDBPyConnection, origin: Origin, name: str) -> None:
    """Makes the store's views, unless this or another connection to the same database did."""
    for catalogue in catalogues(connection):
        if catalogue.name.casefold() == name.casefold() and catalogue.path == origin.path:
            catalogue.refresh(connection)
            return
    Catalogue(_checked(name), origin).install(connection)


def attach_for_people(connection: duckdb.DuckDBPyConnection, path: str, name: str, *, functions: bool) -> None:
    """Adds the store for somebody who looks at results on a screen.

    Without `functions` there are its views alone: the extension's functions open any store by its path.
    """
    Catalogue(_checked(name), origin_of(path), glances=True).install(connection)
    if functions:
        load_functions(connection)


def refresh(connection: duckdb.DuckDBPyConnection) -> bool:
    """Moves the stores attached to the connection to their newest commits; whether there was anything new.

    New collections appear, dropped ones vanish, changed columns are seen. Queries that run, and transactions that have begun, go on
    with the commit they started with.
    """
    found = catalogues(connection)
    if not found:
        message = (
            'No store is attached to this connection: use lakebed.attach(con, "data.lakebed") or lakebed.connect first.'
        )
        raise InvalidArgument(message)
    moved = [catalogue.refresh(connection) for catalogue in found]
    return any(moved)


def _checked(name: str) -> str:
    if not name or "\0" in name:
        message = f'{name!r} cannot be the name of a database: give the store a name such as "data".'
        raise InvalidArgument(message)
    return name

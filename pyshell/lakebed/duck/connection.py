"""`lakebed.connect`, `lakebed.attach` and `lakebed.refresh`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from lakebed._packages import required
from lakebed._sql_text import literal, quoted
from lakebed.duck.attachment import SYSTEM_SCHEMA, Attachment, attachments
from lakebed.duck.cursors import AttachStore, with_search_path
from lakebed.duck.functions import allow_store, change_settings, load_functions, settings_for_loading
from lakebed.duck.store_tables import provider_of
from lakebed.duck.tables import SnapshotProvider
from lakebed.duck.tables_on_demand import StoresOnDemand, has_tables_on_demand, stores_on_demand
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed.store import Store

__all__ = ["attach", "connect", "refresh"]

_MOST_VIEWS = 100
"""Of a store with more collections a connection makes the views when statements name them: a view takes DuckDB 2 ms."""


def connect(
    path: str | os.PathLike[str] | Store,
    database: str | os.PathLike[str] = ":memory:",
    config: Mapping[str, str | bool | int | float | list[str]] | None = None,
    *,
    read_only: bool = False,
    name: str = "data",
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection to which the store is attached: `events` and `blobs`, or in full `data.events` and
    `data.sys.blobs`.

    `path` is a store's directory, which is opened for reading, or an open store. `database`, `config` and `read_only`
    are those of `duckdb.connect`; `name` is the name of the attached store, the `data` above. A table of the database
    hides a collection of the same name, and new tables are created in the database. Cursors of the connection find the
    same names, so it can be passed to other threads (as `con.cursor()`), pandas, Polars, Ibis and SQLAlchemy.

    The functions of lakebed's DuckDB extension (`lakebed_scan`, `lakebed_get`, `lakebed_train`, ...) exist too. For
    these an in-memory database is opened with `allow_unsigned_extensions`, which is switched off again once they are
    loaded; for a database in a file put that into `config`: all connections of a program to one
    file must agree on it. In a connection without `enable_external_access` the views remain, and the functions read
    this store alone.

        con = lakebed.connect("data.lakebed")
        con.sql("SELECT type, count(*) FROM events GROUP BY ALL ORDER BY 2 DESC").show()

    Raises `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`, `InvalidArgument` (the name is taken);
    `duckdb.Error`.
    """
    with required():
        import duckdb

    provider = provider_of(path)
    settings = dict(config or {})
    later = settings_for_loading(settings) if os.fspath(database) == ":memory:" else {}
    connection = duckdb.connect(os.fspath(database), read_only=read_only, config=settings)
    try:
        attachment = _show(
            connection,
            provider,
            name,
            reads_files=later.get("enable_external_access", True),
            on_demand=has_tables_on_demand(),
        )
        if load_functions(connection):
            allow_store(connection, provider.path)
        search(connection, name, attachment)
        change_settings(connection, later)
    except BaseException:
        connection.close()
        raise
    return connection


def search(connection: duckdb.DuckDBPyConnection, name: str, attachment: Attachment | None = None) -> None:
    """Sets the search path of the connection and its cursors, for short names: its own database first, then the
    attached store `name`. Statements have the views of `attachment` made that they name."""
    row = connection.execute("SELECT current_database(), current_schema()").fetchone() or ("memory", "main")
    places = [(row[0], row[1]), (name, "main"), (name, SYSTEM_SCHEMA)]
    path_of_search = ",".join(f"{quoted(place)}.{quoted(schema)}" for place, schema in places)
    stores = StoresOnDemand()
    with_search_path(connection, literal(path_of_search), _attach_asked, _follow_settings, stores)
    if attachment is not None:
        _name(connection, attachment)


def _name(connection: duckdb.DuckDBPyConnection, attachment: Attachment) -> None:
    """Has the statements of a connection make the views that they name; all are made where that cannot be."""
    stores = stores_on_demand(connection)
    if stores is None:
        attachment.show(connection, None)
    else:
        stores.add(attachment)


def attach(connection: duckdb.DuckDBPyConnection, path: str | os.PathLike[str] | Store, name: str = "data") -> None:
    """Attach the store to a DuckDB connection and all its cursors: `data.events`, `data.sys.blobs`.

    `path` is a store's directory, which is opened for reading, or an open store. The views are in an in-memory database
    `name`; `DETACH data` removes them. Attaching the same store under the same name again is `refresh`. Several stores
    can be attached under several names.

    If the connection allows unsigned extensions, the functions of lakebed's extension are loaded too; if not, a warning
    says so once in a program. Raises like `connect`.
    """
    provider = provider_of(path)
    _name(connection, _show(connection, provider, name, on_demand=stores_on_demand(connection) is not None))
    if load_functions(connection):
        allow_store(connection, provider.path)


def _follow_settings(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the views anew where DuckDB may not read the files of a store any more."""
    for attachment in attachments(connection):
        attachment.follow_settings(connection)


def _attach_asked(connection: duckdb.DuckDBPyConnection, asked: AttachStore) -> None:
    """Attaches the store of an ATTACH."""
    known = (one.name.casefold() for one in attachments(connection))
    if not (asked.may_exist and asked.name.casefold() in known):
        attach(connection, asked.path, asked.name)


def _show(
    connection: duckdb.DuckDBPyConnection,
    provider: SnapshotProvider,
    name: str,
    *,
    reads_files: bool = True,
    on_demand: bool = False,
) -> Attachment:
    """Attaches the store, or refreshes it if a connection to the same database has attached it. `on_demand`: the views
    of very many collections may be made when statements name them."""
    for attachment in attachments(connection):
        if attachment.name.casefold() == name.casefold() and attachment.path == provider.path:
            attachment.refresh(connection)
            return attachment
    on_demand = on_demand and len(provider.snapshot().collections()) > _MOST_VIEWS
    found = Attachment(_checked(name), provider, reads_files=reads_files, on_demand=on_demand, pinned=on_demand)
    found.install(connection)
    return found


def attach_on_demand(connection: duckdb.DuckDBPyConnection, path: str, name: str, *, functions: bool) -> Attachment:
    """Attaches a store for statements that are seen before they run, and for results that are shown on a screen: with
    previews of blobs, and with views only of what `Attachment.show` is told.

    `functions` also loads the extension, whose functions open any store by its path, when one is named. The caller
    keeps the attachment for as long as the connection is used.
    """
    found = Attachment(
        _checked(name),
        provider_of(path),
        previews=True,
        on_demand=True,
        load_functions=partial(load_functions, wanted=True) if functions else None,
    )
    found.install(connection)
    return found


def show_everything(connection: duckdb.DuckDBPyConnection) -> bool:
    """Makes every view and function of the stores attached on demand. Returns whether any was missing."""
    were_missing = [attachment.show(connection, None) for attachment in attachments(connection)]
    return any(were_missing)


def refresh(connection: duckdb.DuckDBPyConnection) -> bool:
    """Move the stores attached to the connection to their newest commits. Returns whether anything changed.

    New collections appear, dropped ones disappear, and columns follow the schema. Queries that run, and transactions
    that have begun, continue with the commit they started with. Raises `InvalidArgument` if no store is attached.
    """
    found = attachments(connection)
    if not found:
        message = (
            'No store is attached to this connection: use lakebed.attach(con, "data.lakebed") or lakebed.connect first.'
        )
        raise InvalidArgument(message)
    moved = [attachment.refresh(connection) for attachment in found]
    return any(moved)


def _checked(name: str) -> str:
    if not name or "\0" in name:
        message = f'{name!r} cannot be the name of a database: give the store a name such as "data".'
        raise InvalidArgument(message)
    return name


# Functions print as lakebed.X.
attach.__module__ = connect.__module__ = refresh.__module__ = "lakebed"

"""The catalog for completion: an immutable value with tables, functions and keywords, read in the background and
replaced as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lakebed.duck.attachment import SYSTEM_NAMES

if TYPE_CHECKING:
    import duckdb

    from lakebed.duck.attachment import Attachment


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str


class Table(NamedTuple):
    """A table or view."""

    name: str
    schema: str
    """The database and the schema: `data.main`, `data.sys`, `memory.main`."""
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class CompletionCatalog:
    """What completion can suggest."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    """By name, and by `schema.name`, in lower case."""
    functions: tuple[str, ...] = ()
    signatures: Mapping[str, str] = field(default_factory=dict)
    """The parameters of functions, by name: `(string, start, length)`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The values of DuckDB's settings, by name."""
    pragmas: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    reserved: frozenset[str] = frozenset()
    collections: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


_COLUMNS = """
    SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE NOT internal AND schema_name NOT IN ('behind', 'glance')
    ORDER BY database_name, schema_name, table_oid, column_index
"""
_FUNCTIONS = """
    SELECT function_name, function_type = 'pragma', '(' || array_to_string(min(parameters), ', ') || ')'
    FROM duckdb_functions()
    WHERE function_name ~ '^[a-z][a-z0-9_]*$' AND NOT function_name ~ '^(icu|pg)_' GROUP BY ALL ORDER BY 1
"""
_SETTINGS = "SELECT name, coalesce(value, '') FROM duckdb_settings() ORDER BY 1"
_KEYWORDS = "SELECT keyword_name, keyword_category = 'reserved' FROM duckdb_keywords() ORDER BY 1"


def read_catalog(
    connection: duckdb.DuckDBPyConnection,
    old: CompletionCatalog,
    queries: tuple[str, ...],
    attachment: Attachment | None,
) -> CompletionCatalog:
    """The catalog now. Functions and keywords never change, so they are taken from the `old` one if it has them.

    `queries` are the names of the saved queries. Collections come from the attached store, whose views are made only
    when a statement names them.

    Raises `duckdb.Error`.
    """
    tables: dict[str, Table] = {}
    collections: list[str] = []
    grouped: dict[tuple[str, str, str], list[Column]] = {}
    store = ""
    if attachment is not None:
        store = attachment.name
        attachment.show(connection, SYSTEM_NAMES)
    for database, schema, table, column, kind in connection.execute(_COLUMNS).fetchall():
        if database != store or schema != "main":
            grouped.setdefault((database, schema, table), []).append(Column(column, kind))
    if attachment is not None:
        for view, known in attachment.tables().items():
            if view.schema == "main":
                grouped[store, "main", view.name] = [Column(name, kind) for name, kind in known.types.items()]
    # A name finds the table that is added last: tables of the user go before those of the store.
    for (database, schema, table), columns in sorted(grouped.items(), key=lambda item: item[0][0] != store):
        found = Table(table, f"{database}.{schema}", tuple(columns))
        if database == store and schema == "sys":
            tables.setdefault(table.lower(), found)
        else:
            tables[table.lower()] = found
        tables[f"{schema}.{table}".lower()] = found
        if database == store and schema == "main":
            collections.append(table)
    if old.functions:
        functions, pragmas, signatures = old.functions, old.pragmas, old.signatures
        keywords, reserved = old.keywords, old.reserved
    else:
        listed = connection.execute(_FUNCTIONS).fetchall()
        functions = tuple(dict.fromkeys(name for name, is_pragma, _ in listed if not is_pragma))
        pragmas = tuple(dict.fromkeys(name for name, is_pragma, _ in listed if is_pragma))
        signatures = {name: parameters or "()" for name, is_pragma, parameters in listed if not is_pragma}
        words = connection.execute(_KEYWORDS).fetchall()
        keywords = tuple(word for word, _ in words)
        reserved = frozenset(word for word, is_reserved in words if is_reserved)
    return CompletionCatalog(
        tables=tables,
        functions=functions,
        signatures=signatures,
        settings=dict(connection.execute(_SETTINGS).fetchall()),
        pragmas=pragmas,
        keywords=keywords,
        reserved=reserved,
        collections=tuple(collections),
        queries=queries,
        models=old.models,
    )


class CatalogReader:
    """The newest catalog, and the thread that reads the next."""

    def __init__(self, read: Callable[[CompletionCatalog], CompletionCatalog]) -> None:
        self._read = read
        self._thread: threading.Thread | None = None
        self.newest = CompletionCatalog()

    def refresh(self) -> None:
        """Starts to read the catalog, unless it is being read."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._update, name="lakebed-catalogue", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits until the catalog is not being read, so that the connection can be used."""
        if self._thread is not None:
            self._thread.join()

    def _update(self) -> None:
        try:
            self.newest = self._read(self.newest)
        except Exception:  # noqa: BLE001  (completion keeps the old catalog; the next statement reports the error)
            return


class ModelReader:
    """The names of the models of the server, read in the background, and only after a statement has contacted the
    server."""

    def __init__(self, is_known: Callable[[], bool]) -> None:
        self._is_known = is_known
        self._thread: threading.Thread | None = None
        self.newest: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Starts to read the names, unless they are being read. Nothing waits for the end."""
        if self._is_known() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._update, name="lakebed-models", daemon=True)
            self._thread.start()

    def _update(self) -> None:
        try:
            import lakebed

            with lakebed.Ollama(connect_timeout=2, first_timeout=2, stall_timeout=2) as server:
                self.newest = tuple(one.name for one in server.models())
        except Exception:  # noqa: BLE001  (completion keeps the old names)
            return

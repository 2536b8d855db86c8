"""What completion knows: an immutable picture of the tables, functions and keywords, made anew in the background and swapped whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str


class Table(NamedTuple):
    """A table or view, under its short name."""

    name: str
    place: str
    """`data`, `data.sys`, `memory.main`."""
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Catalogue:
    """One picture."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    """By lower-case short name, and by `schema.name` for those of the store."""
    functions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    reserved: frozenset[str] = frozenset()
    collections: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


_COLUMNS = """
    SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE NOT internal AND table_name <> 'lakebed' AND schema_name NOT IN ('behind', 'glance')
    ORDER BY database_name, schema_name, table_oid, column_index
"""
_FUNCTIONS = """
    SELECT DISTINCT function_name FROM duckdb_functions()
    WHERE function_name ~ '^[a-z][a-z0-9_]*$' AND NOT function_name ~ '^(icu|pg)_' ORDER BY 1
"""
_KEYWORDS = "SELECT keyword_name, keyword_category = 'reserved' FROM duckdb_keywords() ORDER BY 1"


def picture(connection: duckdb.DuckDBPyConnection, old: Catalogue, queries: tuple[str, ...], name: str) -> Catalogue:
    """The catalogue as it is now. Functions and keywords stay the same for a DuckDB's life."""
    tables: dict[str, Table] = {}
    collections: list[str] = []
    grouped: dict[tuple[str, str, str], list[Column]] = {}
    for database, schema, table, column, kind in connection.execute(_COLUMNS).fetchall():
        grouped.setdefault((database, schema, table), []).append(Column(column, kind))
    # The first that short names find is the last to be put in.
    for (database, schema, table), columns in sorted(
        grouped.items(), key=lambda item: item[0][0] != name, reverse=False
    ):
        known = Table(table, f"{database}.{schema}", tuple(columns))
        if database == name and schema == "sys":
            tables.setdefault(table.lower(), known)
        else:
            tables[table.lower()] = known
        tables[f"{schema}.{table}".lower()] = known
        if database == name and schema == "main":
            collections.append(table)
    if old.functions:
        functions, keywords, reserved = old.functions, old.keywords, old.reserved
    else:
        functions = tuple(row[0] for row in connection.execute(_FUNCTIONS).fetchall())
        words = connection.execute(_KEYWORDS).fetchall()
        keywords = tuple(word for word, _ in words)
        reserved = frozenset(word for word, is_reserved in words if is_reserved)
    return Catalogue(tables, functions, keywords, reserved, tuple(collections), queries, old.models)


class Catalogues:
    """The newest picture, and the thread that makes the next."""

    def __init__(self, make: Callable[[Catalogue], Catalogue]) -> None:
        self._make = make
        self._thread: threading.Thread | None = None
        self.newest = Catalogue()

    def refresh(self) -> None:
        """Begins to make a new picture, unless that is being done."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._work, name="lakebed-catalogue", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when no picture is being made: before the connection is used for something else."""
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self.newest = self._make(self.newest)
        except Exception:  # noqa: BLE001  (completion knows less then; the next statement says what is wrong)
            return


class Models:
    """The names of the models that a server has. It is asked in the background, and only once somebody has used it."""

    def __init__(self, is_known: Callable[[], bool]) -> None:
        self._is_known = is_known
        self._thread: threading.Thread | None = None
        self.newest: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Begins to ask, unless that is being done. Nobody ever waits for the answer."""
        if self._is_known() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._work, name="lakebed-models", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            import lakebed

            with lakebed.Ollama(connect_timeout=2, first_timeout=2, stall_timeout=2) as server:
                self.newest = tuple(one.name for one in server.models())
        except Exception:  # noqa: BLE001  (completion knows no models then)
            return

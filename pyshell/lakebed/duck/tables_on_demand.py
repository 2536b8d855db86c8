"""Connections whose statements have the views made that they name: a store may have very many collections, and DuckDB
takes one to two milliseconds for a view.

Everything that DuckDB's package runs or binds for a connection goes through four of its methods. Where a DuckDB has
other ones, all views are made at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection
from typing import Any, Protocol

from lakebed._duckdb import duckdb
from lakebed._sql_names import names_in_text

__all__ = ["StoresOnDemand", "connections_of", "has_tables_on_demand", "stores_on_demand"]


class StoreOnDemand(Protocol):
    """A store whose views may not have been made."""

    @property
    def is_on_demand(self) -> bool:
        """Whether there may be such views."""
        ...

    def show(self, connection: duckdb.DuckDBPyConnection, names: Collection[str] | None) -> bool:
        """Makes the views with these case-folded names, None for all. Returns whether there may be new ones."""
        ...


class StoresOnDemand:
    """The stores whose views the statements of a connection and its cursors have made."""

    def __init__(self) -> None:
        # DuckDB keeps an attachment as long as its views of the system are there.
        self._all: list[weakref.ref[StoreOnDemand]] = []

    def add(self, attachment: StoreOnDemand) -> None:
        """Adds a store, unless all its views are made."""
        if attachment.is_on_demand:
            self._all.append(weakref.ref(attachment))

    def show(self, connection: Any, text: str | None) -> bool:
        """Makes the views that a text names, None for all. Returns whether any may have been missing."""
        found = [one for known in self._all if (one := known()) is not None and one.is_on_demand]
        if not found:
            return False
        names = None if text is None else names_in_text(text)
        missing = [one.show(connection, names) for one in found]
        return any(missing)


def has_tables_on_demand() -> bool:
    """Whether this DuckDB's connections have the methods through which all statements go."""
    return all(hasattr(duckdb.DuckDBPyConnection, name) for name in ("_bind", "_prepare_script"))


def stores_on_demand(connection: object) -> StoresOnDemand | None:
    """The stores on demand of a connection of such a class; None of any other."""
    found = getattr(type(connection), "stores_on_demand", None)
    return found if isinstance(found, StoresOnDemand) else None


def connections_of(on_demand: StoresOnDemand) -> type[duckdb.DuckDBPyConnection]:
    """A class of connections whose statements have views of these stores made."""
    if not has_tables_on_demand():
        return duckdb.DuckDBPyConnection

    class Connection(duckdb.DuckDBPyConnection):
        __slots__ = ()
        stores_on_demand = on_demand

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            self.stores_on_demand.show(self, _text(query))
            try:
                return super().execute(query, *args, **kwargs)
            except duckdb.CatalogException:
                # A view or macro of the user's may read a table that the statement does not name. What has run of
                # several statements must not run again.
                if ";" in _text(query).rstrip("; \n") or not self.stores_on_demand.show(self, None):
                    raise
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            self.stores_on_demand.show(self, _text(query))
            return super().executemany(query, *args, **kwargs)

        def begin(self) -> Any:
            # A transaction does not see what is made after it has begun.
            self.stores_on_demand.show(self, None)
            return super().begin()

        def _prepare_script(self, query: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            self.stores_on_demand.show(self, _text(query))
            return super()._prepare_script(query, *args, **kwargs)

        def _bind(self, sql: Any, *args: Any, **kwargs: Any) -> Any:
            self.stores_on_demand.show(self, _text(sql))
            try:
                return super()._bind(sql, *args, **kwargs)
            except duckdb.CatalogException:
                if not self.stores_on_demand.show(self, None):
                    raise
            return super()._bind(sql, *args, **kwargs)

    return Connection


def _text(query: object) -> str:
    """The SQL of a text or a parsed statement."""
    found = query if isinstance(query, str) else getattr(query, "query", "")
    return found if isinstance(found, str) else ""

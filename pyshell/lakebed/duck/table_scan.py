"""A collection or a system table as an object that DuckDB scans.

DuckDB 2 asks such an object for just the columns of a query and offers it the query's predicates (`duckdb._sources`, a
private module: it is used if it exists and has the expected signatures). Older versions read a whole Arrow stream; if
pyarrow is installed, they ask a dataset for columns (`pyarrow_dataset`).

A scan object reads one snapshot and holds nothing else: DuckDB holds the object as long as a view or a running query
needs it, and exactly as long the snapshot stays readable.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakebed.duck.predicates import Filter, filters_of
from lakebed.duck.tables import SEQ, Table
from lakebed.errors import InternalError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["TableScan", "has_pushdown", "table_scan"]


class TableScan:
    """A table for any DuckDB: all columns and all rows, at each scan."""

    views = False
    """Whether `_json` comes as string views. DuckDB 1.x may pass them on to pyarrow, which cannot compare them."""

    def __init__(self, table: Table, owner: object) -> None:
        self._lock = threading.Lock()
        self._table = table
        # DuckDB keeps this object alive, and with it the owner.
        self._owner = owner
        self.keeps: Sequence[TableScan] = ()
        """Others that live as long: of views that have no scan object of their own."""

    @property
    def table(self) -> Table:
        """The table that the next scan reads."""
        with self._lock:
            return self._table

    def declared(self) -> list[str]:
        """The columns in the order that DuckDB sees: `_seq` first, the cheapest, because DuckDB counts rows by the
        first column."""
        return sorted(self.table.columns, key=lambda name: name != SEQ)

    def move(self, table: Table) -> None:
        """Reads the same rows from a newer snapshot from now on, so that the older one can be released."""
        with self._lock:
            self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.open(self.declared(), [], views=self.views).__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.table.open(self.declared(), [], views=self.views).__arrow_c_schema__()


def _load_sources() -> ModuleType | None:
    """DuckDB's module of scan objects, if it has the signatures that this code relies on."""
    try:
        from duckdb import _sources
        from duckdb._sources import nodes
    except ImportError:
        return None
    base = getattr(_sources, "ArrowScanSource", None)
    if base is None or not all(hasattr(nodes, name) for name in ("Binary", "Col", "In", "Lit", "Postfix")):
        return None
    try:
        stream = list(inspect.signature(base.stream).parameters)
        accepts = list(inspect.signature(base.accepts).parameters)
    except (AttributeError, TypeError, ValueError):
        return None
    expected = (["self", "columns", "filters"], ["self", "predicate"])
    return _sources if (stream, accepts) == expected else None


_sources = _load_sources()

if _sources is not None:

    class PushdownScan(TableScan, _sources.ArrowScanSource):  # type: ignore[misc, name-defined]
        """A table for DuckDB 2: only the columns that a query needs, and only the rows that pass the predicates taken
        over."""

        schema_is_stable = True
        views = True

        def __init__(self, table: Table, owner: object) -> None:
            TableScan.__init__(self, table, owner)
            # The base class reads an attribute `obj`. It is unused here; in `__dict__` it needs no second reference to
            # this object.
            self.__dict__["obj"] = None

        def rows(self) -> int | None:
            return self.table.rows

        def accepts(self, predicate: Any) -> bool:
            table = self.table
            filters = filters_of(predicate, table.columns, table.struct_field) if table.takes_filters else None
            # `_seq IS NOT NULL` stays with DuckDB: it is how DuckDB drops the all-NULL rows of a filtered stream.
            return filters is not None and not any(column == SEQ and value is None for column, _, value in filters)

        def stream(self, columns: Sequence[int] | None, filters: Sequence[Any]) -> tuple[object, bool]:
            table = self.table
            names = self.declared()
            wanted = names if columns is None else [names[index] for index in columns]
            accepted = [found for node in filters for found in _accepted(node, table)]
            return table.open(wanted, accepted, views=self.views).__arrow_c_stream__(), True


def _accepted(node: Any, table: Table) -> list[Filter]:
    """The filters of a predicate that `accepts` took over."""
    found = filters_of(node, table.columns, table.struct_field)
    if found is None:
        message = f"DuckDB passed a predicate that was not accepted: {node}. Please report this."
        raise InternalError(message)
    return found


def has_pushdown() -> bool:
    """Whether this DuckDB passes columns and predicates to scan objects."""
    return _sources is not None


def table_scan(table: Table, owner: object) -> TableScan:
    """The scan object that suits this DuckDB; `owner` lives as long as the object."""
    return TableScan(table, owner) if _sources is None else PushdownScan(table, owner)

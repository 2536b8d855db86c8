"""A collection or a system table as an object that DuckDB scans.

DuckDB 2 asks a source for just the columns of a query and offers it the query's predicates (`duckdb._sources`, a private module:
it is used when it is there and looks as expected). Other versions read whole Arrow streams; with pyarrow installed they ask a
dataset for columns.

A source belongs to one snapshot, and to nothing else: DuckDB holds it as long as a view or a running query needs it, so a snapshot
stays readable exactly as long.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lakebed.duck.predicates import Filter, filters_of

if TYPE_CHECKING:
    from types import ModuleType


SEQ = "_seq"
"""The sequence number of a row: the cheapest column of a collection."""


class Stream(Protocol):
    """Typed rows that other libraries read."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...


class Reader(Protocol):
    """One table of one snapshot."""

    @property
    def columns(self) -> dict[str, bool]:
        """The columns by name, in the order users see, and whether filters compare them with constants."""
        ...

    @property
    def casts(self) -> dict[str, str]:
        """The SQL types of columns whose Arrow type says something else."""
        ...

    @property
    def judges(self) -> bool:
        """Whether `open` takes filters."""
        ...

    @property
    def rows(self) -> int | None:
        """How many rows there are, where that is known."""
        ...

    @property
    def signature(self) -> Hashable:
        """Equal to another table's when names and types of the columns are."""
        ...

    @property
    def content(self) -> Hashable:
        """Equal to another snapshot's of the same table when its rows are."""
        ...

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> Stream:
        """The rows that pass all filters, narrowed to these columns in this order. `views`: records come as Arrow string views.

        A stream with filters may hold rows of nothing but NULL: signs of life, so that DuckDB can stop a scan that finds nothing.
        """
        ...


class Source:
    """A table for any DuckDB: all columns, all rows, each time it is asked."""

    views = False
    """Whether records come as string views. DuckDB 1.x may hand them on to pyarrow, which compares no views."""

    def __init__(self, reader: Reader, owner: object) -> None:
        self._lock = threading.Lock()
        self._reader = reader
        # Kept alive by DuckDB through this source.
        self._owner = owner

    @property
    def reader(self) -> Reader:
        """The table that scans read from now on."""
        with self._lock:
            return self._reader

    def declared(self) -> list[str]:
        """The columns in the order DuckDB knows: the cheapest first, since it asks for the first one to count rows."""
        names = list(self.reader.columns)
        return sorted(names, key=lambda name: name != SEQ)

    def move(self, reader: Reader) -> None:
        """Reads the same rows through a newer snapshot, so that the older one can go."""
        with self._lock:
            self._reader = reader

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.reader.open(self.declared(), [], views=self.views).__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.reader.open(self.declared(), [], views=self.views).__arrow_c_schema__()


def _protocol() -> ModuleType | None:
    """DuckDB's module of sources, when it is the one this code was written for."""
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


_sources = _protocol()

if _sources is not None:

    class PushdownSource(Source, _sources.ArrowScanSource):  # type: ignore[misc, name-defined]
        """A table for DuckDB 2: only the columns a query needs and only the rows that pass its exact predicates."""

        schema_is_stable = True
        views = True

        def __init__(self, reader: Reader, owner: object) -> None:
            Source.__init__(self, reader, owner)
            # What the base class reads; the object itself, so that nothing else has to be kept alive.
            self.__dict__["obj"] = None

        def rows(self) -> int | None:
            return self.reader.rows

        def accepts(self, predicate: Any) -> bool:
            filters = filters_of(predicate, self.reader.columns) if self.reader.judges else None
            # Whether there is a sequence number is for DuckDB to ask: that is how it passes over the signs of life.
            return filters is not None and not any(column == SEQ and value is None for column, _, value in filters)

        def stream(self, columns: Sequence[int] | None, filters: Sequence[Any]) -> tuple[object, bool]:
            reader = self.reader
            names = self.declared()
            wanted = names if columns is None else [names[index] for index in columns]
            passed = [found for node in filters for found in filters_of(node, reader.columns) or _refused(node)]
            return reader.open(wanted, passed, views=self.views).__arrow_c_stream__(), True


def _refused(node: Any) -> list[Filter]:
    message = f"DuckDB handed over a predicate that was not accepted: {node}. Please report this."
    raise RuntimeError(message)


def has_pushdown() -> bool:
    """Whether this DuckDB takes columns and predicates to the source."""
    return _sources is not None


def source(reader: Reader, owner: object) -> Source:
    """The table as this DuckDB scans it best; `owner` lives as long as it does."""
    return Source(reader, owner) if _sources is None else PushdownSource(reader, owner)


def scannable(table: Source) -> object:
    """The object to hand to `from_arrow`."""
    if _sources is not None:
        return table
    try:
        from lakebed.duck.pyarrow_dataset import dataset
    except ImportError:
        return table
    return dataset(table)

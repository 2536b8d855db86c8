"""The rows of a collection in batches of typed columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from lakebed.errors import Corrupt, InvalidArgument
from lakebed.pure.arrow.arrays import Array, Field, int64s, text_views
from lakebed.pure.arrow.stream import ArrowStream
from lakebed.pure.arrow.typed import JSON_METADATA, builder, field_of
from lakebed.pure.catalogue import Collection
from lakebed.pure.json.columns import Column, Schema
from lakebed.pure.json.extract import ExtractError, Extractor
from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.types import DataType, lower
from lakebed.pure.reading import missing_blob
from lakebed.pure.scan.files import rows_in_files
from lakebed.pure.scan.filters import Filter, Test, compiled
from lakebed.pure.scan.typed_schema import SYSTEM_TYPES, typed_schema
from lakebed.pure.spelling import hint
from lakebed.pure.view import LiveRow, View

__all__ = ["built", "scan"]

_BATCH_ROWS = 2048
_BATCH_BYTES = 4 << 20
_SIGN_OF_LIFE = 0.1
"""Seconds without a row after which a row of NULLs shows that the scan goes on."""

_Source = Column | str
"""A typed column, or the name of a system column."""


def scan(
    view: View,
    collection: Collection,
    columns: list[str] | None,
    filters: list[Filter],
    start: int,
    stop: int | None,
    *,
    signs_of_life: bool,
    views: bool,
    without: list[int],
) -> ArrowStream:
    """See `lakebed.Store.arrow`. Raises `InvalidArgument`, `Corrupt`."""
    schema = typed_schema(collection)
    names = [column.name for column in schema.columns] + list(SYSTEM_TYPES) if columns is None else columns
    sources = [_source(schema, collection.name, name) for name in names]
    tests = []
    for item in filters:
        source = _source(schema, collection.name, item[0])
        tests.append((source, compiled(item, _type(source))))
    plan = _Plan(
        view, collection, sources, tests, start, stop, signs_of_life=signs_of_life, views=views, without=without
    )
    return ArrowStream(plan.fields(), plan.batches)


def _source(schema: Schema, collection: str, name: str) -> _Source:
    """What a name stands for, in whatever case. Raises `InvalidArgument`."""
    found = schema.column(name)
    if found is not None:
        return found
    for known in SYSTEM_TYPES:
        if known == lower(name):
            return known
    path = schema.projected(name)
    if path is not None:
        return path
    known_names = [*(column.name for column in schema.columns), *SYSTEM_TYPES]
    advice = hint(name, known_names, f"describe {collection} lists its columns.")
    raise InvalidArgument(f"Collection {collection} has no column {quoted(name)}; {advice}")


def _type(source: _Source) -> DataType:
    return SYSTEM_TYPES[source] if isinstance(source, str) else source.type


class _Plan:
    """A scan: what is read of each row, and what becomes of it."""

    def __init__(
        self,
        view: View,
        collection: Collection,
        sources: list[_Source],
        tests: list[tuple[_Source, Test]],
        start: int,
        stop: int | None,
        *,
        signs_of_life: bool,
        views: bool,
        without: list[int],
    ) -> None:
        self._view = view
        self._collection = collection
        self._sources = sources
        self._tests = tests
        self._range = start, stop
        self._signs_of_life = signs_of_life and bool(tests)
        self._views = views and all(source != "_json" for source, _ in tests)
        self._files = view.catalogue.files
        self._without = without

    def fields(self) -> list[Field]:
        """The fields of the batches."""
        return [self._field(source) for source in self._sources]

    def _field(self, source: _Source) -> Field:
        if isinstance(source, Column):
            return field_of(source.name, source.type)
        if source == "_json" and self._views:
            return Field(source, "vu", metadata=JSON_METADATA)
        return field_of(source, SYSTEM_TYPES[source])

    def batches(self) -> Iterator[list[Array]]:
        """The rows, batch by batch. Raises `Corrupt`, `StoreIOError`."""
        filter_values = _RowValues([source for source, _ in self._tests], self._view, self._files)
        row_values = _RowValues(self._sources, self._view, self._files)
        tests = [test for _, test in self._tests]
        builders = [self._builder(source) for source in self._sources]
        found: list[list[Any]] = []
        size = 0
        seen = time.monotonic()
        needs_data = filter_values.needs_data or row_values.needs_data
        left_out = rows_in_files(self._view, self._collection, self._without) if self._without else set()
        for row in self._view.rows(self._collection, *self._range):
            if row.seq in left_out:
                continue
            data = self._data(row) if needs_data else b""
            if tests:
                values = filter_values.of(row, data)
                if not all(test(value) for test, value in zip(tests, values, strict=True)):
                    if self._signs_of_life and time.monotonic() - seen > _SIGN_OF_LIFE:
                        found.append([None] * len(builders))
                        yield built(builders, found)
                        found, size, seen = [], 0, time.monotonic()
                    continue
            found.append(row_values.of(row, data))
            size += len(data)
            if len(found) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield built(builders, found)
                found, size, seen = [], 0, time.monotonic()
        if found:
            yield built(builders, found)

    def _data(self, row: LiveRow) -> bytes:
        data = self._view.blob(row.blob)
        if data is None:
            raise missing_blob(self._view, row.blob)
        return data

    def _builder(self, source: _Source) -> Callable[[list[Any]], Array]:
        if source == "_json" and self._views:
            return lambda values: text_views([None if one is None else one.encode() for one in values])
        return builder(_type(source))


def built(builders: list[Callable[[list[Any]], Array]], rows: list[list[Any]]) -> list[Array]:
    """The arrays of rows, each a list of its values."""
    if not builders:
        # A batch without columns says how many rows there are.
        return [int64s([None] * len(rows))]
    columns = zip(*rows, strict=True)
    return [build(list(column)) for build, column in zip(builders, columns, strict=True)]


class _RowValues:
    """The values of some columns of each row."""

    def __init__(self, sources: list[_Source], view: View, files: dict[int, str]) -> None:
        self._view = view
        self._files = files
        typed = [source for source in sources if isinstance(source, Column)]
        self._extractor = Extractor(typed) if typed else None
        self._system = [(place, source) for place, source in enumerate(sources) if isinstance(source, str)]
        self._typed = [place for place, source in enumerate(sources) if isinstance(source, Column)]
        self._width = len(sources)
        self.needs_data = bool(typed) or any(source in ("_json", "_hash") for _, source in self._system)

    def of(self, row: LiveRow, data: bytes) -> list[Any]:
        """The values of a row, whose bytes are `data`. Raises `Corrupt`."""
        found: list[Any] = [None] * self._width
        if self._extractor is not None:
            try:
                values = self._extractor.values(data)
            except ExtractError as error:
                raise Corrupt(f"Row {row.seq} cannot be read: {error}.") from None
            except (ValueError, IndexError, StopIteration):
                raise Corrupt(
                    f"Row {row.seq} cannot be read: it is not JSON; `lakebed verify` lists all damage."
                ) from None
            if not self._system:
                return values
            for place, value in zip(self._typed, values, strict=True):
                found[place] = value
        for place, name in self._system:
            found[place] = self._of_system(name, row, data)
        return found

    def _of_system(self, name: str, row: LiveRow, data: bytes) -> Any:
        match name:
            case "_seq":
                return row.seq
            case "_file":
                return self._files.get(row.file) if row.file else None
            case "_line":
                return row.line if row.file else None
            case "_ingested_at":
                return row.time
            case "_json":
                return data.decode()
        proven = self._view.proven(row.blob)
        return proven[1].hex() if proven is not None else None

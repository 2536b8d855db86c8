"""Types of a collection's columns that are declared, or inferred anew; and its dictionary."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from lakebed.errors import InvalidArgument
from lakebed.pure.catalogue import Collection
from lakebed.pure.format.records import Described
from lakebed.pure.hash import digest
from lakebed.pure.json.columns import Schema, keep_names
from lakebed.pure.json.description import Description
from lakebed.pure.json.names import SYSTEM_COLUMNS
from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.settings import LAYOUTS, NON_OBJECT, REST, Declaration, Settings, named_key
from lakebed.pure.json.summary import Summary
from lakebed.pure.json.types import BadType, Step, key_step, lower, parse_type
from lakebed.pure.reading import Reads
from lakebed.pure.scan.typed_schema import description_of, live_summary, typed_schema
from lakebed.pure.spelling import hint
from lakebed.pure.training import (
    LARGEST_SIZE,
    LEAST_SIZE,
    TRAIN_SHARE,
    TRAIN_WINDOWS,
    Request,
    Samples,
    fitting_size,
    ranges,
    train,
)
from lakebed.pure.view import LiveRow, View
from lakebed.pure.write.dictionaries import install_dictionary
from lakebed.pure.write.writer import Writer

__all__ = ["Describes", "check_layout", "record_inferred"]

Change = tuple[str, str | None, list[str]]
"""A path, a type (None: inferred again), and texts that mean NULL."""

_LENGTH_SAMPLES = 64
"""Rows that are read to estimate the average length of a row."""


def check_layout(layout: str) -> None:
    """Raises `InvalidArgument` for what is no layout."""
    if layout not in LAYOUTS:
        raise InvalidArgument(f"The layout is rows, columns or auto, not {quoted(layout)}.")


class Describes(Reads):
    """The methods `declare`, `infer` and `train` of the protocol `StoreEngine`; `lakebed.Store` documents them."""

    def _changing(self) -> AbstractContextManager[Writer]:
        """The writer, for one change."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _changing_description(self, collection: str, create: bool) -> Iterator[tuple[Writer, Collection]]:
        """The writer and the collection, for a commit of its own that changes the collection's description."""
        with self._changing() as writer:
            writer.commit()
            try:
                writer.begin()
                if create:
                    writer.collection(collection)
                yield writer, writer.view.collection(collection)
            except BaseException:
                writer.end()
                raise
            writer.commit()

    def declare(self, collection: str, changes: list[Change], create: bool, /) -> None:
        declarations = [(path, _declaration(path, kind, nulls)) for path, kind, nulls in changes]
        with self._changing_description(collection, create) as (writer, found):
            description = _declared(found, declarations, create=create)
            if description is not None:
                writer.record(Described(found.id, description.encode()))

    def set_layout(self, collection: str, layout: str, create: bool, /) -> None:
        check_layout(layout)
        with self._changing_description(collection, create) as (writer, found):
            settings = (description_of(found).settings or Settings()).copy()
            if settings.layout != layout:
                settings.layout, settings.stays_rows = layout, 0
                writer.record(Described(found.id, Description(settings=settings).encode()))

    def infer(self, collection: str, /) -> None:
        with self._changing() as writer:
            writer.commit()
            try:
                writer.begin()
                record_inferred(writer, collection)
            except BaseException:
                writer.end()
                raise
            writer.commit()

    def train(self, collection: str, size: int, /) -> dict[str, Any]:
        if not LEAST_SIZE <= size <= LARGEST_SIZE:
            raise InvalidArgument(
                f"A dictionary of {size} bytes cannot be trained; ask for {LEAST_SIZE} to {LARGEST_SIZE}."
            )
        with self._changing() as writer:
            writer.commit()
            try:
                writer.begin()
                report = _trained(writer, collection, size)
            except BaseException:
                writer.end()
                raise
            writer.commit()
            return report


# --- Declared types ---


def _declaration(path: str, kind: str | None, nulls: list[str]) -> Declaration | None:
    """Raises `InvalidArgument` for a text that is no type."""
    if kind is None:
        return None
    try:
        return Declaration(parse_type(kind), tuple(nulls))
    except BadType as error:
        raise InvalidArgument(f"The type {quoted(kind)} of {path} cannot be read: {error}.") from None


def _declared(
    collection: Collection, changes: list[tuple[str, Declaration | None]], *, create: bool
) -> Description | None:
    """The description that declares types; None where nothing changes. Raises `InvalidArgument`."""
    schema = typed_schema(collection)
    before = description_of(collection).settings or Settings()
    settings = before.copy()
    for name, declaration in changes:
        path = _path(schema, collection, name, settings, new=create)
        if any(known != path and path[: len(known)] == known for known in settings.declared):
            raise InvalidArgument(
                f"The type of {name} is declared as a whole for its column: declare that anew, or let it be inferred first."
            )
        if declaration is not None and len(path) == 1:
            key = path[0][1]
            column = next((one for one in schema.columns if one.named == named_key(key)), None)
            if column is not None and column.name != key:
                settings.names[column.named] = column.name
        settings.declare(path, declaration)
    if settings == before:
        return None
    # Other types may fit.
    settings.stays_rows = 0
    return Description(settings=settings)


def _path(schema: Schema, collection: Collection, path: str, settings: Settings, *, new: bool) -> tuple[Step, ...]:
    """The steps of a path. The name of a column that is not there yet is one where `new` is set, or the collection is
    empty."""
    if lower(path) in SYSTEM_COLUMNS:
        raise InvalidArgument(
            f"{path} is a column of its own in every collection, and its type is fixed: only columns of the records can have a "
            "declared type."
        )
    found = schema.resolve(path)
    if found is not None:
        column, inside = found
        if column.named[0] != 0:
            raise InvalidArgument(
                f"The column {path} holds what no key of the records holds, and is always JSON: no type can be declared for it."
            )
        return (key_step(column.named[1]), *inside)
    plain = (key_step(path),)
    if new or schema.rows == 0 or plain in settings.declared:
        if not path or "\0" in path:
            raise InvalidArgument("A type is declared for a column by its name, which is not empty.")
        return plain
    names = [column.name for column in schema.columns]
    advice = hint(path, names, f"describe {collection.name} lists its columns and their fields.")
    raise InvalidArgument(f"Collection {collection.name} has no column or field {quoted(path)}; {advice}")


# --- Types inferred anew ---


def record_inferred(writer: Writer, name: str) -> None:
    """Add the record that makes the types of a collection those of its live rows. Raises `CollectionNotFound`."""
    found = writer.view.collection(name)
    writer.record(Described(found.id, _inferred(writer.view, found).encode()))


def _inferred(view: View, collection: Collection) -> Description:
    """The description that makes the summary of the live rows that of the collection. Declared types stay."""
    live = live_summary(view, collection)
    settings = (description_of(collection).settings or Settings()).copy()
    settings.forget_all_but(live)
    settings.stays_rows = 0
    keep_names(settings, _kept(typed_schema(collection), live), live)
    return Description(live, settings, replaces=True)


def _kept(before: Schema, live: Summary) -> Schema:
    """The columns whose names stay: those of keys that live rows have. Where the record has too many keys, those with a
    column are chosen anew."""
    is_wide = any(column.named == REST for column in before.columns)
    keys = set(live.top_keys())
    kept = [
        column
        for column in before.columns
        if (column.named[0] == 0 and not is_wide and column.named[1] in keys)
        or (column.named == NON_OBJECT and live.non_objects > 0)
    ]
    return Schema(kept, before.rows)


# --- Training ---


def _trained(writer: Writer, name: str, size: int) -> dict[str, Any]:
    """Trains a dictionary on the rows of a collection, and installs it if it pays; the fields of `TrainReport`."""
    view = writer.view
    collection = view.collection(name)
    before = view.catalogue.dictionary_of(collection.id)
    current = None if before is None else view.dictionary(before.number)
    options = writer.context.options
    samples, expected = _samples(view, collection, size, options.page_bytes)
    began = time.monotonic()
    trained = train(samples, Request(size, TRAIN_WINDOWS, options.level, options.page_bytes, expected, current))
    report: dict[str, Any] = {
        "collection": name,
        "installed": False,
        "number": None,
        "generation": 0 if before is None else before.generation,
        "hash": digest(b"" if trained is None else trained.dictionary),
        "size": 0 if trained is None else len(trained.dictionary),
        "sample_bytes": samples.size,
        "held_out_before": 0 if trained is None else trained.held_out_before,
        "held_out_after": 0 if trained is None else trained.held_out_after,
    }
    if trained is not None and trained.pays:
        report["number"], report["generation"] = install_dictionary(writer, collection, trained.dictionary)
        report["installed"] = True
    return {**report, "seconds": time.monotonic() - began}


def _samples(view: View, collection: Collection, size: int, page_bytes: int) -> tuple[Samples, int]:
    """Rows from the whole collection, each blob once, and an estimate of the bytes of all its rows."""
    samples = Samples()
    first, count = collection.first_live, collection.next_seq - collection.first_live
    if count == 0:
        return samples, 0
    probes = min(_LENGTH_SAMPLES, count)
    lengths: list[int] = []
    for number in range(probes):
        seq = first + count * number // probes
        lengths += (len(view.blob(row.blob) or b"") for row in view.rows(collection, seq, seq + 1))
    average = max(1, sum(lengths) // max(1, len(lengths)))
    expected = average * count
    rows = view.rows(collection)
    row: LiveRow | None = next(rows, None)
    seen: set[int] = set()
    for run in ranges(expected, fitting_size(size, expected), TRAIN_SHARE, page_bytes):
        begin = first - (-run.offset // average)
        end = first - (-(run.offset + run.bytes) // average)
        records = []
        while row is not None and row.seq < end:
            if row.seq >= begin and row.blob not in seen:
                seen.add(row.blob)
                records.append(view.blob(row.blob) or b"")
            row = next(rows, None)
        samples.add(run, records)
    return samples, expected

"""`lakebed stats`, `collections`, `describe`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.environment.context import Context
from lakebed._cli.render import Column

if TYPE_CHECKING:
    from lakebed import models
    from lakebed.models import Schema, Stats


def stats(context: Context) -> None:
    """Reports what the store holds and its size on disk."""
    with context.open() as store:
        report = store.stats()
    context.report(report, _lines(report, context.time_text(report.created)))


def _lines(report: Stats, created: str) -> Iterator[str]:
    count, size = render.count, render.size
    ratio = f" ({report.ratio:.1f} times smaller)" if report.ratio > 1 else ""
    dictionaries = count(report.dictionaries, "dictionary", "dictionaries")
    yield f"{report.path}: {size(report.raw_bytes)} of data in {size(report.disk_bytes)}{ratio}"
    yield f"  {count(report.rows, 'row')} in {count(report.collections, 'collection')}, {count(report.blobs, 'blob')}"
    yield f"  {count(report.segments, 'segment')} of {size(report.segment_bytes)}, {dictionaries}"
    yield f"  indexes {size(report.index_bytes)}, everything else {size(report.other_bytes)}"
    if report.held_bytes:
        yield f"  {size(report.held_bytes)} of replaced segments that readers of older commits hold"
    yield f"  at commit {report.commit:,}; the store was made {created}, {report.uuid}"
    yield f"  read by the engine in {report.backend.capitalize()}"


def collections(context: Context, format: str | None, rows: int | None) -> None:
    """Lists the collections."""
    with context.open() as store:
        found = store.collections()
    columns = [
        Column("name", is_key=True), Column("rows", "BIGINT"), Column("first _seq", "BIGINT"), Column("next _seq", "BIGINT"),
        Column("dictionary", "BIGINT"), Column("created", "TIMESTAMP WITH TIME ZONE"),
    ]  # fmt: skip
    lines = [
        [one.name, one.rows, one.first_seq, one.next_seq, one.dictionary, context.time_text(one.created)]
        for one in found
    ]
    context.listing(found, columns, lines, format, rows)


def describe(context: Context, collection: str, format: str | None, rows: int | None) -> None:
    """Lists the columns of a collection.

    Raises `CollectionNotFound`.
    """
    with context.open() as store:
        schema = store.schema(collection)
    show_columns(context, schema, format, rows)


def show_columns(context: Context, schema: Schema, format: str | None, rows: int | None) -> None:
    """Lists the columns of a schema."""
    columns = [
        Column("column", is_key=True), Column("type"), Column("values", "BIGINT"), Column("nulls", "BIGINT"),
        Column("missing", "BIGINT"), Column("notes"),
    ]  # fmt: skip
    lines = [
        [one.name, one.type, one.values, one.nulls, one.missing, "; ".join(_column_notes(one))]
        for one in schema.columns
    ]
    context.listing(list(schema.columns), columns, lines, format, rows)


def _column_notes(column: models.Column) -> Iterator[str]:
    if column.misfits:
        yield render.count(column.misfits, "value does not fit", "values do not fit")
    yield from column.notes

"""The typed columns of a collection, and how often they have values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lakebed.errors import Corrupt
from lakebed.pure.catalogue import Collection
from lakebed.pure.json import BadSummary, described, schema_of
from lakebed.pure.json.columns import Column, Schema, columns_of
from lakebed.pure.json.description import Description
from lakebed.pure.json.extract import ExtractError, Extractor
from lakebed.pure.json.observe import validate_and_observe
from lakebed.pure.json.settings import REST, Settings
from lakebed.pure.json.summary import Summary
from lakebed.pure.json.syntax import JsonError
from lakebed.pure.json.types import BIGINT, JSON, TIMESTAMPTZ, VARCHAR
from lakebed.pure.reading import missing_blob
from lakebed.pure.view import View

__all__ = ["SYSTEM_TYPES", "count_misfits", "description_of", "live_summary", "report", "typed_schema"]

SYSTEM_TYPES = {
    "_seq": BIGINT,
    "_hash": VARCHAR,
    "_file": VARCHAR,
    "_line": BIGINT,
    "_ingested_at": TIMESTAMPTZ,
    "_json": JSON,
}
"""The types of the system columns, in order."""


def typed_schema(collection: Collection) -> Schema:
    """The typed columns, not to be changed. Raises `Corrupt`."""
    try:
        return schema_of(collection.descriptions)
    except BadSummary as error:
        raise _damaged(collection, error) from None


def description_of(collection: Collection) -> Description:
    """What is known of the values, not to be changed. Raises `Corrupt`."""
    try:
        return described(collection.descriptions)
    except BadSummary as error:
        raise _damaged(collection, error) from None


def _damaged(collection: Collection, error: BadSummary) -> Corrupt:
    return Corrupt(f"The summary of the values of {collection.name} is damaged: it {error}.")


def records(view: View, collection: Collection, start: int = 0) -> Iterator[bytes]:
    """The bytes of the live rows from a sequence number on. Raises `Corrupt`, `StoreIOError`."""
    for row in view.rows(collection, start):
        data = view.blob(row.blob)
        if data is None:
            raise missing_blob(view, row.blob)
        yield data


def live_summary(view: View, collection: Collection) -> Summary:
    """The summary of the rows there are. Raises `Corrupt`, `StoreIOError`."""
    summary = Summary()
    for data in records(view, collection):
        try:
            validate_and_observe(data, summary)
        except JsonError as error:
            raise Corrupt(f"A record of collection {collection.name} is not JSON: {error}.") from None
    return summary


def report(view: View, collection: Collection, *, counted: bool) -> dict[str, Any]:
    """The columns as `Schema` of `lakebed.models`; `counted`: with the counts of the rows there are. Raises `Corrupt`,
    `StoreIOError`."""
    schema = typed_schema(collection)
    if counted:
        schema = _counted(view, collection, schema)
    columns: list[dict[str, Any]] = [
        {
            "name": column.name,
            "type": str(column.type),
            "values": column.values,
            "nulls": column.nulls,
            "missing": column.missing,
            "notes": list(column.notes),
            "declared": bool(column.declared),
            "misfits": column.misfits,
        }
        for column in schema.columns
    ]
    columns += (
        {"name": name, "type": str(kind), "values": schema.rows, "nulls": 0, "missing": 0, "system": True}
        for name, kind in SYSTEM_TYPES.items()
    )
    settings = description_of(collection).settings or Settings()
    return {
        "collection": collection.name,
        "rows": schema.rows,
        "columns": columns,
        "layout": settings.layout or "auto",
    }


def _counted(view: View, collection: Collection, schema: Schema) -> Schema:
    """The schema with the counts of the rows there are."""
    read = [column for column in schema.columns if column.declared or column.named == REST]
    if schema.rows == collection.rows and not read:
        return schema
    counted = Schema([replace(column) for column in schema.columns], schema.rows)
    if schema.rows != collection.rows:
        live = live_summary(view, collection)
        settings = description_of(collection).settings or Settings()
        found = {column.named: column for column in columns_of(live, settings).columns}
        counted.rows = live.rows
        for column in counted.columns:
            now = found.get(column.named)
            column.values = now.values if now else 0
            column.nulls = now.nulls if now else 0
            column.missing = now.missing if now else live.rows
    if read:
        names = {column.name for column in read}
        _count_values(view, collection, counted, [column for column in counted.columns if column.name in names])
    return counted


def _count_values(view: View, collection: Collection, counted: Schema, columns: list[Column], start: int = 0) -> None:
    """Counts of columns that only their values give: those with a declared type, and that of keys without a column."""
    extractor = Extractor(columns)
    values = [0] * len(columns)
    for data in records(view, collection, start):
        try:
            found = extractor.values(data)
        except ExtractError as error:
            raise Corrupt(f"A record of collection {collection.name} cannot be read: {error}.") from None
        for place, value in enumerate(found):
            values[place] += value is not None
    for column, there, misfits in zip(columns, values, extractor.misfits(), strict=True):
        column.misfits = misfits
        if column.named == REST:
            column.values, column.nulls, column.missing = there, 0, counted.rows - there
        elif any(not part.path for part in column.declared):
            column.nulls = max(0, counted.rows - column.missing - there - misfits)
            column.values = there


def count_misfits(view: View, collection: Collection, start: int) -> int:
    """How many values of the rows from a sequence number on the declared types cannot hold. Raises `Corrupt`,
    `StoreIOError`."""
    schema = typed_schema(collection)
    columns = [replace(column) for column in schema.columns if column.declared]
    if columns:
        _count_values(view, collection, schema, columns, start)
    return sum(column.misfits for column in columns)

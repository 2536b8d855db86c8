"""`lakebed schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.commands.inspect import show_columns
from lakebed._cli.environment.context import Context
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed._backend import Layout


def schema(
    context: Context,
    collection: str,
    types: tuple[str, ...],
    nulls: tuple[str, ...],
    inferred: tuple[str, ...],
    infer: bool,
    layout: Layout | None,
    format: str | None,
    rows: int | None,
) -> None:
    """Declares types, infers them anew, sets how records are stored, and lists the columns.

    Raises `CollectionNotFound`; `InvalidArgument` for an unknown column or type.
    """
    changes: dict[str, str | None] = {**dict.fromkeys(inferred), **declared_types(types)}
    with context.open("a" if changes or infer or nulls or layout else "r") as store:
        if changes or nulls or layout:
            store.declare(collection, changes, nulls=nulls, layout=layout)
        if infer:
            store.infer(collection)
        found = store.schema(collection)
        files = store.files(collection)
    show_columns(context, found, format, rows)
    held = files.rows - files.rows_elsewhere
    context.note(
        f"layout {found.layout}: {held:,} of {render.count(files.rows, 'row')} in {render.count(len(files.files), 'Parquet file')}"
    )


def declared_types(words: tuple[str, ...]) -> dict[str, str | None]:
    """The types by column of words such as `price=DOUBLE`. Raises `InvalidArgument` for any other word."""
    types: dict[str, str | None] = {}
    for word in words:
        name, found, kind = word.rpartition("=")
        if not found or not name.strip() or not kind.strip():
            message = f"--set takes a column and its type, as in price=DOUBLE, not {word!r}."
            raise InvalidArgument(message)
        types[name.strip()] = kind.strip()
    return types

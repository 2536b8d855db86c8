"""`lakebed files`."""

from __future__ import annotations

from lakebed._cli import render
from lakebed._cli.commands.compaction import compact_lines
from lakebed._cli.environment.context import Context
from lakebed._cli.render import Column


def files(context: Context, collection: str, flush: bool, format: str | None, rows: int | None) -> None:
    """Lists the Parquet files of a collection; with `flush` its records are put into some first.

    Raises `CollectionNotFound`.
    """
    with context.open("a" if flush else "r") as store:
        if flush:
            report = store.compact(collection, layout="columns", progress=context.progress)
            for line in compact_lines(report):
                context.note(line)
        found = store.files(collection)
    columns = [
        Column("path", is_key=True), Column("rows", "BIGINT"), Column("live rows", "BIGINT"), Column("first _seq", "BIGINT"),
        Column("last _seq", "BIGINT"), Column("bytes", "BIGINT"), Column("gone"),
    ]  # fmt: skip
    lines = [
        [one.path, one.rows, one.live_rows, one.first_seq, one.last_seq, one.bytes, _ranges(one.gone)]
        for one in found.files
    ]
    context.listing(list(found.files), columns, lines, format, rows)
    if found.rows_elsewhere:
        context.note(f"{render.count(found.rows_elsewhere, 'row')} of {collection} in no Parquet file")


def _ranges(gone: tuple[tuple[int, int], ...]) -> str:
    """`3, 7-9`: the numbers of the rows, the last one included."""
    return ", ".join(str(first) if end == first + 1 else f"{first}-{end - 1}" for first, end in gone)

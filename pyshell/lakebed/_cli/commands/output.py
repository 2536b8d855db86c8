"""Writing a result in the format that was asked for."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from lakebed._cli import render, results
from lakebed._cli.render import Column, Row
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.commands.context import Context
    from lakebed._cli.results import Result

FORMAT_BY_SUFFIX = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".md": "markdown",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "table",
}
"""The format that a file's ending says."""


def write_result(
    context: Context, form: str, result: Result, target: IO[bytes], *, limit: int | None = None, to_file: bool = False
) -> None:
    """Writes a result in any format but Parquet. A table shows `limit` rows (None: the setting; 0: all)."""
    out = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=False)
    try:
        if result.kind == "EXPLAIN" and form == "table":
            out.writelines(f"{row[-1]}\n" for row in result.rows)
        elif form in ("json", "ndjson"):
            write_json(form, result.columns, result.rows, result.is_json, out)
        else:
            write_text(context, form, result.columns, result.rows, out, limit=limit, to_file=to_file)
        out.flush()
    finally:
        # The stream is not this wrapper's to close; what a broken pipe left in it is dropped.
        with contextlib.suppress(BrokenPipeError):
            out.detach()


def write_parquet(connection: duckdb.DuckDBPyConnection, statement: Any, target: IO[bytes]) -> None:
    """Writes a result as Parquet."""
    if target is sys.stdout.buffer and sys.stdout.isatty():
        message = "Parquet is binary: give -o FILE, or a pipe."
        raise InvalidArgument(message)
    target.writelines(parquet(connection, statement))


def parquet(connection: duckdb.DuckDBPyConnection, statement: Any) -> Iterator[bytes]:
    """A result as the bytes of a Parquet file, which needs a file to seek in: it is written aside and copied."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "result.parquet")  # noqa: PTH118
        results.relation(connection, statement).write_parquet(path, compression="zstd")
        with open(path, "rb") as written:  # noqa: PTH123
            while piece := written.read(1 << 20):
                yield piece


def write_text(
    context: Context,
    form: str,
    columns: Sequence[Column],
    rows: Iterator[Row],
    out: IO[str],
    *,
    limit: int | None = None,
    to_file: bool = False,
) -> None:
    """Writes rows of text as a table, records, Markdown or CSV. A table shows `limit` rows (None: the setting; 0: all)."""
    settings, style = context.settings, context.style if not to_file else render.PLAIN
    if form == "vertical":
        _write_lines(out, render.vertical(columns, rows, null=settings.null, style=style))
    elif form == "markdown":
        _write_lines(out, render.markdown(columns, rows, null=settings.null))
    elif form == "csv":
        _write_lines(out, render.csv(columns, rows))
    else:
        limit = settings.rows if limit is None else limit
        # One more than is shown tells whether there are more.
        shown = list(itertools.islice(rows, limit + 1)) if limit else list(rows)
        more = bool(limit) and len(shown) > limit
        shown = shown[:limit] if more else shown
        places = context.width if context.on_terminal and not to_file else WIDE
        drawn = render.box(columns, shown, places, null=settings.null, style=style)
        _write_lines(out, drawn.lines)
        out.write(style.dim(render.footer(len(shown), len(columns), drawn, more=more)) + "\n")


WIDE = 1_000_000
"""A table that goes to a file or a pipe is not cut."""


def write_json(
    form: str, columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool], out: IO[str]
) -> None:
    """Writes rows as JSON objects, one a line, or as one array."""
    made = render.json_objects if form == "ndjson" else render.json_array
    _write_lines(out, made(columns, rows, is_json))


def _write_lines(out: IO[str], lines: Iterable[str]) -> None:
    for line in lines:
        out.write(line + "\n")

"""Writing a result in the format that was asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

from lakebed import render
from lakebed.render import Column, Row

if TYPE_CHECKING:
    from lakebed.commands.context import Context


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
        places = context.width if context.on_terminal and not to_file else _WIDE
        drawn = render.box(columns, shown, places, null=settings.null, style=style)
        _write_lines(out, drawn.lines)
        out.write(style.dim(render.footer(len(shown), len(columns), drawn, more=more)) + "\n")


_WIDE = 1_000_000
"""A table that goes to a file or a pipe is not cut."""


def write_json(
    form: str, columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool], out: IO[str]
) -> None:
    """Writes rows as JSON objects, one a line, or as one array."""
    objects = render.json_objects(columns, rows, is_json)
    if form == "ndjson":
        _write_lines(out, objects)
        return
    out.write("[")
    for number, text in enumerate(objects):
        out.write((",\n " if number else "\n ") + text)
    out.write("\n]\n")


def _write_lines(out: IO[str], lines: Iterable[str]) -> None:
    for line in lines:
        out.write(line + "\n")

"""Results as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from lakebed._cli.render.cells import printable
from lakebed._cli.render.columns import Column, Row


def html(columns: Sequence[Column], rows: Iterable[Row], *, null: str = "NULL", raw: bool = True) -> Iterator[str]:
    """The lines of an HTML page with one table, values whole, numbers aligned to the right. Without `raw`, for a
    terminal, control characters other than line breaks are shown escaped."""
    shown = str if raw else printable
    yield '<!DOCTYPE html>\n<meta charset="utf-8">\n<table>'
    yield (
        "<thead><tr>"
        + "".join(f"<th>{shown(escape(column.name, quote=False))}</th>" for column in columns)
        + "</tr></thead>"
    )
    yield "<tbody>"
    begins = ['<td align="right">' if column.is_number else "<td>" for column in columns]
    missing = f"<td><i>{escape(null, quote=False)}</i></td>"
    for row in rows:
        cells = (
            missing if value is None else f"{begin}{shown(escape(value, quote=False))}</td>"
            for begin, value in zip(begins, row, strict=True)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody>\n</table>"

"""Results as records (one line for each value), as Markdown, and as comma-separated values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lakebed._cli.render.cells import escaped, padded, printable, width
from lakebed._cli.render.columns import PLAIN, Column, Row, Style
from lakebed._cli.render.json_text import laid_out


def vertical(
    columns: Sequence[Column], rows: Iterable[Row], *, null: str = "NULL", style: Style = PLAIN, raw: bool = False
) -> Iterator[str]:
    """Each row as a heading and lines of name and value, nothing cut. JSON is laid out; line breaks in values are kept
    and indented. With `raw` all other control characters in values are kept, too."""
    names = [escaped(column.name) for column in columns]
    shown_line = str if raw else escaped
    room = max((width(name) for name in names), default=0)
    for number, row in enumerate(rows, 1):
        heading = f"── row {number} "
        yield style.dim(heading + "─" * max(room + 12 - len(heading), 3))
        for name, value, column in zip(names, row, columns, strict=True):
            label = style.bold(padded(name, room, right=True))
            if value is None:
                yield f"{label}  {style.dim(null)}"
                continue
            shown = laid_out(value) if column.is_nested else value
            first, *others = re.split(r"\r?\n", shown)
            yield f"{label}  {shown_line(first)}"
            for other in others:
                yield " " * (room + 2) + shown_line(other)


def markdown(columns: Sequence[Column], rows: Iterable[Row], *, null: str = "NULL", raw: bool = False) -> Iterator[str]:
    """The lines of a Markdown table, values whole. With `raw` control characters other than line breaks are kept."""
    shown = str if raw else escaped

    def cell(text: str) -> str:
        text = text.replace("\\", "\\\\").replace("|", "\\|")
        return shown(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "<br>"))

    yield "| " + " | ".join(cell(column.name) for column in columns) + " |"
    yield "|" + "|".join(" ---: " if column.is_number else " --- " for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(null if value is None else cell(value) for value in row) + " |"


def csv(columns: Sequence[Column], rows: Iterable[Row], *, comma: str = ",", raw: bool = True) -> Iterator[str]:
    """Lines of comma-separated values (RFC 4180), or with another `comma`. NULL is empty, the empty text is `""`.

    Without `raw`, for a terminal, control characters other than line breaks are shown escaped."""
    shown = str if raw else printable
    yield shown(comma.join(_csv_cell(column.name, comma) for column in columns))
    for row in rows:
        yield shown(comma.join("" if value is None else _csv_cell(value, comma) for value in row))


def _csv_cell(text: str, comma: str) -> str:
    if (
        text == ""
        or text[0] == " "
        or text[-1] == " "
        or any(character in text for character in (comma, '"', "\r", "\n"))
    ):
        doubled = text.replace('"', '""')
        return f'"{doubled}"'
    return text

"""Results as tables that fit a width. Whatever is cut or left out is said in the footer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lakebed._cli.render.cells import ELLIPSIS, count, cut, escaped, padded, width
from lakebed._cli.render.columns import PLAIN, Column, Row, Style

_NARROWEST = 6
"""Columns are not cut below this width; they are left out instead."""


class Box(NamedTuple):
    """A drawn table, and what it does not show."""

    lines: list[str]
    hidden_columns: int
    """The number of columns left out."""
    has_cut: bool
    """Whether a name or a value is cut."""


def fitted(widths: Sequence[int], places: int) -> list[int]:
    """The widths, the widest reduced first, so that their sum is at most `places`; none below the narrowest."""
    if sum(widths) <= places:
        return list(widths)
    low, high = _NARROWEST, max(widths, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(one, middle) for one in widths) <= places:
            low = middle
        else:
            high = middle - 1
    cap = low
    cut_down = [min(one, cap) for one in widths]
    # The remaining places go to the columns that were cut, from the left.
    left = places - sum(cut_down)
    for index, one in enumerate(widths):
        if left <= 0:
            break
        if one > cut_down[index]:
            cut_down[index] += 1
            left -= 1
    return cut_down


def _shown_columns(widths: Sequence[int], places: int) -> list[int]:
    """The indexes of the columns to show within `places`, even at their narrowest: from both ends, the left one
    first."""
    room = [min(one, _NARROWEST) for one in widths]
    if sum(room) + 3 * len(room) + 1 <= places:
        return list(range(len(widths)))
    left: list[int] = []
    right: list[int] = []
    used = 1 + 4  # the border, and the column with the ellipsis
    low, high = 0, len(widths) - 1
    while low <= high:
        from_left = len(left) <= len(right)
        index = low if from_left else high
        if left and used + room[index] + 3 > places:
            break
        used += room[index] + 3
        if from_left:
            left.append(index)
            low += 1
        else:
            right.append(index)
            high -= 1
    return left + right[::-1]


def box(
    columns: Sequence[Column], rows: Sequence[Row], places: int, *, null: str = "NULL", style: Style = PLAIN
) -> Box:
    """A table of at most `places` columns of a terminal: types under the names, numbers aligned to the right."""
    names = [escaped(column.name) for column in columns]
    types = [column.shown_type for column in columns]
    cells = [[null if value is None else escaped(value) for value in row] for row in rows]
    # A cell is measured up to the width of the screen.
    natural = [
        max(width(names[index]), min(width(types[index]), 20), *(min(width(line[index]), places) for line in cells), 1)
        for index in range(len(columns))
    ]
    kept = _shown_columns(natural, places)
    hidden = len(columns) - len(kept)
    ellipsis_at = (
        kept.index(next(index for number, index in enumerate(kept) if index != number))
        if hidden and _has_gap(kept)
        else len(kept)
    )
    available = places - 1 - 3 * len(kept) - (4 if hidden else 0)
    widths = fitted([natural[index] for index in kept], available)
    has_cut = False

    def line(texts: Sequence[str], right: Sequence[bool], looks: Sequence[int]) -> str:
        nonlocal has_cut
        parts = []
        for place, (text, one, on_right, look) in enumerate(zip(texts, widths, right, looks, strict=True)):
            if hidden and place == ellipsis_at:
                parts.append(style.dim(ELLIPSIS))
            short = cut(text, one)
            has_cut = has_cut or (short != text and look != _TYPE)
            filled = padded(short, one, right=on_right)
            parts.append(
                style.bold(filled) if look == _NAME else style.dim(filled) if look in (_TYPE, _NULL) else filled
            )
        if hidden and ellipsis_at == len(kept):
            parts.append(style.dim(ELLIPSIS))
        return "│ " + " │ ".join(parts) + " │"

    bars = [one + 2 for one in widths]
    if hidden:
        bars.insert(ellipsis_at, 3)
    right = [columns[index].is_number for index in kept]
    lines = ["┌" + "┬".join("─" * bar for bar in bars) + "┐"]
    lines.append(line([names[index] for index in kept], right, [_NAME] * len(kept)))
    lines.append(line([types[index] for index in kept], right, [_TYPE] * len(kept)))
    lines.append("├" + "┼".join("─" * bar for bar in bars) + "┤")
    for row, texts in zip(rows, cells, strict=True):
        lines.append(
            line([texts[index] for index in kept], right, [_NULL if row[index] is None else _CELL for index in kept])
        )
    lines.append("└" + "┴".join("─" * bar for bar in bars) + "┘")
    return Box(lines, hidden, has_cut)


_NAME, _TYPE, _NULL, _CELL = range(4)


def _has_gap(kept: Sequence[int]) -> bool:
    return any(index != number for number, index in enumerate(kept))


def missing(columns: int, drawn: Box) -> str:
    """The part of a footer that says what a table leaves out, in parentheses; empty where it shows everything."""
    notes = [f"{columns - drawn.hidden_columns} shown"] if drawn.hidden_columns else []
    if drawn.has_cut:
        notes.append("cut to fit")
    return f" ({', '.join(notes)})" if notes else ""


def footer(shown: int, columns: int, drawn: Box, *, more: bool) -> str:
    """The line below a table: rows, columns, and what it does not show. `more`: whether rows are left out."""
    rows = f"the first {count(shown, 'row')}; there are more (--rows 0 shows all)" if more else count(shown, "row")
    parts = [rows, count(columns, "column") + missing(columns, drawn)]
    if drawn.has_cut or drawn.hidden_columns:
        parts.append("--format vertical shows everything")
    return "  " + ", ".join(parts)

"""Results as tables that fit a width. Whatever is cut or left out is said in the footer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from lakebed._cli.render.cells import ELLIPSIS, count, cut, escaped, one_line, padded, width
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


class Measure:
    """The widths that the columns of a table need, from its rows.

    A cell is measured up to `places`, the columns of the terminal; None for a table that is as wide as its values. With
    `raw`, for a pipe or a file, control characters stay as they are, line breaks and tabs apart.
    """

    def __init__(self, columns: Sequence[Column], places: int | None, null: str = "NULL", *, raw: bool = False) -> None:
        self.columns = columns
        self.places = places
        self.null = null
        self._one_line = one_line if raw else escaped
        self.names = [self._one_line(column.name) for column in columns]
        self.types = [self._one_line(column.shown_type) for column in columns]
        self.widths = [max(width(name), 1) for name in self.names]
        """Of names and cells, in columns of a terminal."""

    def add(self, row: Row) -> None:
        """Measures one more row."""
        widths = self.widths
        for index, value in enumerate(row):
            wide = width(self.shown(value))
            widths[index] = max(widths[index], wide)

    def shown(self, value: str | None) -> str:
        """A value as a cell shows it, before it is cut. Of a value that is too long for a line the end may be missing;
        what is left is too long for a line, too."""
        if value is None:
            return self.null
        if self.places is not None and len(value) > _LONGEST * (self.places + 1):
            value = value[: _LONGEST * self.places]
            short = self._one_line(value)
            return short if width(short) > self.places else short + ELLIPSIS * (self.places + 1)
        return self._one_line(value)


_LONGEST = 8
"""Characters of a value that are read for each column of a terminal: some have no width."""


class Drawing:
    """A table whose columns have been measured: which columns it shows, how wide, and its lines."""

    def __init__(self, measure: Measure, style: Style = PLAIN) -> None:
        self._measure = measure
        self._style = style
        count, places = len(measure.columns), measure.places
        natural = [max(wide, min(width(kind), 20)) for wide, kind in zip(measure.widths, measure.types, strict=True)]
        if places is None:
            self._kept, self._widths = list(range(count)), natural
        else:
            natural = [min(wide, places) for wide in natural]
            self._kept = _shown_columns(natural, places)
            hidden = len(self._kept) < count
            available = places - 1 - 3 * len(self._kept) - (4 if hidden else 0)
            self._widths = fitted([natural[index] for index in self._kept], available)
        self.hidden_columns = count - len(self._kept)
        """The number of columns left out."""
        self.has_cut = any(measure.widths[index] > wide for index, wide in zip(self._kept, self._widths, strict=True))
        """Whether a name or a value is cut."""
        gap = next((place for place, index in enumerate(self._kept) if index != place), len(self._kept))
        self._ellipsis_at = gap if self.hidden_columns else None

    def lines(self, rows: Iterable[Row]) -> Iterator[str]:
        """The lines of the table. The rows are those that were measured."""
        measure = self._measure
        bars = [wide + 2 for wide in self._widths]
        if self._ellipsis_at is not None:
            bars.insert(self._ellipsis_at, 3)
        yield "┌" + "┬".join("─" * bar for bar in bars) + "┐"
        yield self._line(measure.names, self._style.bold)
        yield self._line(measure.types, self._style.dim)
        yield "├" + "┼".join("─" * bar for bar in bars) + "┤"
        for row in rows:
            yield self._row(row)
        yield "└" + "┴".join("─" * bar for bar in bars) + "┘"

    def _row(self, row: Row) -> str:
        parts = []
        for index, wide in zip(self._kept, self._widths, strict=True):
            value = row[index]
            cell = self._cell(index, wide, self._measure.shown(value))
            parts.append(self._style.dim(cell) if value is None else cell)
        return self._joined(parts)

    def _line(self, texts: Sequence[str], look: Callable[[str], str]) -> str:
        return self._joined(
            [look(self._cell(index, wide, texts[index])) for index, wide in zip(self._kept, self._widths, strict=True)]
        )

    def _cell(self, index: int, wide: int, text: str) -> str:
        return padded(cut(text, wide), wide, right=self._measure.columns[index].is_number)

    def _joined(self, parts: list[str]) -> str:
        if self._ellipsis_at is not None:
            parts.insert(self._ellipsis_at, self._style.dim(ELLIPSIS))
        return "│ " + " │ ".join(parts) + " │"


def box(
    columns: Sequence[Column],
    rows: Sequence[Row],
    places: int | None,
    *,
    null: str = "NULL",
    style: Style = PLAIN,
    raw: bool = False,
) -> Box:
    """A table of at most `places` columns of a terminal, None for as many as it needs: types under the names, numbers
    aligned to the right. `raw` as in `Measure`."""
    measure = Measure(columns, places, null, raw=raw)
    for row in rows:
        measure.add(row)
    drawing = Drawing(measure, style)
    return Box(list(drawing.lines(rows)), drawing.hidden_columns, drawing.has_cut)


class Omission(Protocol):
    """What a table does not show: a `Box`, or a `Drawing`."""

    @property
    def hidden_columns(self) -> int:
        """The number of columns left out."""
        ...

    @property
    def has_cut(self) -> bool:
        """Whether a name or a value is cut."""
        ...


def missing(columns: int, drawn: Omission) -> str:
    """The part of a footer that says what a table leaves out, in parentheses; empty where it shows everything."""
    notes = [f"{columns - drawn.hidden_columns} shown"] if drawn.hidden_columns else []
    if drawn.has_cut:
        notes.append("cut to fit")
    return f" ({', '.join(notes)})" if notes else ""


def footer(shown: int, columns: int, drawn: Omission, *, more: bool) -> str:
    """The line below a table: rows, columns, and what it does not show. `more`: whether rows are left out."""
    rows = f"the first {count(shown, 'row')}; there are more (--rows 0 shows all)" if more else count(shown, "row")
    parts = [rows, count(columns, "column") + missing(columns, drawn)]
    if drawn.has_cut or drawn.hidden_columns:
        parts.append("--format vertical shows everything")
    return "  " + ", ".join(parts)

"""Results as tables that fit a width. Whatever is cut or left out is said in the footer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from lakebed._cli.render.cells import ELLIPSIS, count, cut, cut_in_middle, escaped, one_line, padded, width
from lakebed._cli.render.columns import PLAIN, Column, Row, Style

_NARROWEST = 8
"""Columns are not cut below this width, nor below their names; they are left out instead."""
_LONGEST_NAME = 24
"""Columns of a terminal that a name takes before it is cut."""
_SYSTEM = ("_seq", "_line", "_file", "_ingested_at", "_hash", "_json")
"""The system columns, those first that are shown first where there is little room."""


class Box(NamedTuple):
    """A drawn table, and what it does not show."""

    lines: list[str]
    hidden_columns: int
    """The number of columns left out."""
    has_cut: bool
    """Whether a name or a value is cut."""


def fitted(widths: Sequence[int], floors: Sequence[int], places: int) -> list[int]:
    """The widths, the widest reduced first, so that their sum is at most `places`; none below its floor."""
    if sum(widths) <= places:
        return list(widths)
    low, high = 1, max(widths, default=1)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(max(min(one, middle), floor) for one, floor in zip(widths, floors, strict=True)) <= places:
            low = middle
        else:
            high = middle - 1
    cap = low
    cut_down = [max(min(one, cap), floor) for one, floor in zip(widths, floors, strict=True)]
    # The remaining places go to the columns that were cut, from the left.
    left = places - sum(cut_down)
    for index, one in enumerate(widths):
        if left <= 0:
            break
        if one > cut_down[index]:
            cut_down[index] += 1
            left -= 1
    return cut_down


def _shown_columns(names: Sequence[str], floors: Sequence[int], places: int) -> list[int]:
    """The indexes of the columns to show within `places`, none narrower than its floor: from both ends, the left one
    first; system columns only where all others are shown."""
    if sum(floors) + 3 * len(floors) + 1 <= places:
        return list(range(len(floors)))
    own = [index for index, name in enumerate(names) if name not in _SYSTEM]
    ends = [own[place // 2 if place % 2 == 0 else -(place // 2) - 1] for place in range(len(own))]
    system = sorted(set(range(len(names))) - set(own), key=lambda index: _SYSTEM.index(names[index]))
    shown: list[int] = []
    used = 1 + 4  # the border, and the column with the ellipsis
    for index in (*ends, *system):
        if shown and used + floors[index] + 3 > places:
            break
        used += floors[index] + 3
        shown.append(index)
    return sorted(shown)


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
        self.cell_widths = [1] * len(columns)

    def add(self, row: Row) -> None:
        """Measures one more row."""
        widths, cells = self.widths, self.cell_widths
        for index, value in enumerate(row):
            wide = width(self.shown(value))
            if wide > cells[index]:
                cells[index] = wide
                widths[index] = max(widths[index], wide)

    def floors(self, places: int) -> list[int]:
        """The widths that columns need at least: for their names, and for values of which a part is of no use."""
        return [
            min(
                max(min(width(name), _LONGEST_NAME), cell if column.is_whole else min(cell, _NARROWEST)),
                max(places - 8, 1),
            )
            for name, cell, column in zip(self.names, self.cell_widths, self.columns, strict=True)
        ]

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
            floors = measure.floors(places)
            self._kept = _shown_columns([column.name for column in measure.columns], floors, places)
            hidden = len(self._kept) < count
            available = places - 1 - 3 * len(self._kept) - (4 if hidden else 0)
            self._widths = fitted(
                [natural[index] for index in self._kept], [floors[index] for index in self._kept], available
            )
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

    def gap(self) -> str:
        """The line that stands for rows that are left out."""
        return self._joined(
            [
                self._style.dim(self._cell(index, wide, "·"))
                for index, wide in zip(self._kept, self._widths, strict=True)
            ]
        )

    def _row(self, row: Row) -> str:
        parts = []
        for index, wide in zip(self._kept, self._widths, strict=True):
            value = row[index]
            cell = self._cell(index, wide, self._measure.shown(value))
            parts.append(self._style.dim(cell) if value is None else cell)
        return self._joined(parts)

    def _line(self, texts: Sequence[str], look: Callable[[str], str]) -> str:
        return self._joined(
            [
                look(self._cell(index, wide, cut_in_middle(texts[index], wide)))
                for index, wide in zip(self._kept, self._widths, strict=True)
            ]
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


def footer(shown: int, columns: int, drawn: Omission, *, more: bool, total: int | None = None) -> str:
    """The line below a table: rows, columns, and what it does not show. `more`: whether rows are left out; `total`: the
    number of all rows, if it is known."""
    rows = count(shown, "row")
    if more and total is not None:
        rows = f"{count(total, 'row')} (the first {shown:,} shown; --rows 0 shows all)"
    elif more:
        rows = f"the first {rows}; there are more (--rows 0 shows all)"
    parts = [rows, count(columns, "column") + missing(columns, drawn)]
    if drawn.has_cut or drawn.hidden_columns:
        parts.append("--format vertical shows everything")
    return "  " + ", ".join(parts)

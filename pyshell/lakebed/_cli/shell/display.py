"""Lays out the result of a query for the screen, for the pager, or whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lakebed._cli import render
from lakebed._cli.render import Row
from lakebed._cli.results.execution import Result
from lakebed._cli.results.output import CHART_WIDTH, charted
from lakebed._cli.results.spool import Spool
from lakebed._cli.results.totals import Rest
from lakebed._cli.shell.screen import Screen, screen_lines

_ROWS_TOGETHER = 1000
_CHARACTERS_TOGETHER = 4_000_000
"""Rows of a table in the pager, and characters of it, that are laid out together, under a heading of their own."""


class Display(NamedTuple):
    """The lines that show a result, and the footer below them."""

    lines: Iterator[str]
    footer: Callable[[], str]
    """The footer, known when all lines have been read."""
    is_wide: bool = False
    """Whether the lines must not be wrapped: the pager scrolls them sideways."""
    is_cut: bool = False
    """Whether something may be left out, so that a script shows the footer, too."""


_LAST_ROWS = 5
"""Rows at the end of a long result that are shown, too."""
_ROOM_FOR_LAST = 10
"""Rows that the screen must have room for, so that the last are shown."""


def table(result: Result, screen: Screen, *, records: bool, totals: bool = True) -> Display:
    """The rows that fit as a table; with `totals`, the number of all rows and the last ones where that is cheap.

    With `records`, as records where the table would leave something out: of one row always, of several where all
    records fit.
    """
    columns, limit = result.columns, screen.first_rows
    rows = result.rows
    shown = list(itertools.islice(rows, limit + 1 if limit else _ROWS_TOGETHER))
    if not limit and len(shown) == _ROWS_TOGETHER:
        return _long_table(result, itertools.chain(shown, rows), screen)
    more = bool(limit) and len(shown) > limit
    shown = shown[:limit] if more else shown
    if more and totals and (rest := result.rest(_LAST_ROWS if limit >= _ROOM_FOR_LAST else 0)) is not None:
        return _both_ends(result, shown, rest, screen)
    drawn = render.box(columns, shown, screen.table_width, null=screen.null, style=screen.style, raw=screen.raw)
    if records and not more and shown and (drawn.hidden_columns or drawn.has_cut):
        lines = list(render.vertical(columns, shown, null=screen.null, style=screen.style, raw=screen.raw))
        if len(shown) == 1 or sum(screen_lines(line, screen.width) for line in lines) <= screen.height - 4:
            footer = f"{render.count(len(shown), 'row')}, {render.count(len(columns), 'column')}"
            return Display(iter(lines), lambda: footer)
    footer = f"the first {render.count(len(shown), 'row')}, there are more" if more else render.count(len(shown), "row")
    footer += f", {render.count(len(columns), 'column')}"
    footer += render.missing(len(columns), drawn)
    footer += f": {screen.everything}" if more or drawn.hidden_columns or drawn.has_cut else ""
    return Display(iter(drawn.lines), lambda: footer, is_wide=True, is_cut=True)


def _both_ends(result: Result, first: list[Row], rest: Rest, screen: Screen) -> Display:
    """The first rows of a result and the last, with the number of all."""
    # The last rows and the gap before them take the place of some of the first.
    first = first[: len(first) - len(rest.last) - 1] if rest.last else first
    columns = result.columns
    measure = render.Measure(columns, screen.table_width, screen.null)
    for row in (*first, *rest.last):
        measure.add(row)
    drawing = render.Drawing(measure, screen.style)
    lines = list(drawing.lines([*first, *rest.last]))
    if rest.last:
        lines.insert(len(lines) - 1 - len(rest.last), drawing.gap())
    shown = f"first {len(first):,}" + (f" and last {len(rest.last):,}" if rest.last else "") + " shown"
    footer = f"{render.count(rest.total, 'row')} ({shown}), {render.count(len(columns), 'column')}"
    footer += f"{render.missing(len(columns), drawing)}: {screen.everything}"
    return Display(iter(lines), lambda: footer, is_wide=True, is_cut=True)


def _long_table(result: Result, rows: Iterator[Row], screen: Screen) -> Display:
    """All rows as one table that fits the width, in bounded memory."""
    columns = result.columns
    measure = render.Measure(columns, screen.table_width, screen.null, raw=screen.raw)
    footer = ""

    def lines() -> Iterator[str]:
        nonlocal footer
        with Spool() as spool:
            for row in spool.added(rows):
                measure.add(row)
            drawing = render.Drawing(measure, screen.style)
            footer = f"{render.count(spool.count, 'row')}, {render.count(len(columns), 'column')}"
            footer += render.missing(len(columns), drawing)
            footer += f": {screen.everything}" if drawing.hidden_columns or drawing.has_cut else ""
            yield from drawing.lines(spool)

    return Display(lines(), lambda: footer, is_wide=True, is_cut=True)


def whole_table(result: Result, screen: Screen) -> Display:
    """All rows and columns, nothing cut, as DuckDB finds them: for the pager."""
    counted = 0

    def lines() -> Iterator[str]:
        nonlocal counted
        for chunk in _chunks(result.rows):
            counted += len(chunk)
            yield from render.box(
                result.columns, chunk, None, null=screen.null, style=screen.style, raw=screen.raw
            ).lines

    def footer() -> str:
        return f"{render.count(counted, 'row')}, {render.count(len(result.columns), 'column')}"

    return Display(lines(), footer, is_wide=True)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows in groups that are laid out together, at least one: a long value makes all lines of its group long."""
    chunk: list[Row] = []
    longest = given = 0
    for row in rows:
        length = sum(len(value) for value in row if value is not None)
        if chunk and (len(chunk) == _ROWS_TOGETHER or max(longest, length) * (len(chunk) + 1) > _CHARACTERS_TOGETHER):
            yield chunk
            given += 1
            chunk, longest = [], 0
        chunk.append(row)
        longest = max(longest, length)
    if chunk or not given:
        yield chunk


def in_format(result: Result, form: str, screen: Screen, *, headers: bool = True) -> Display:
    """All rows in any format but `table`, as DuckDB finds them; CSV without the names of the columns unless there are
    `headers`."""
    counted = 0

    def counting(rows: Iterator[Row]) -> Iterator[Row]:
        nonlocal counted
        for row in rows:
            counted += 1
            yield row

    columns = result.columns
    rows = counting(result.rows)
    if form == "vertical":
        lines = render.vertical(columns, rows, null=screen.null, style=screen.style, raw=screen.raw)
    elif form == "markdown":
        lines = render.markdown(columns, rows, null=screen.null, raw=screen.raw)
    elif form in ("csv", "tsv"):
        comma = "," if form == "csv" else "\t"
        lines = itertools.islice(render.csv(columns, rows, comma=comma, raw=screen.raw), 0 if headers else 1, None)
    elif form == "html":
        lines = render.html(columns, rows, null=screen.null, raw=screen.raw)
    elif form == "chart":
        lines = charted(columns, rows, screen.table_width or CHART_WIDTH, screen.null, screen.style)
    else:
        make = render.json_array if form == "json" else render.json_objects
        lines = make(columns, rows, result.is_json)
        lines = lines if screen.raw else map(render.printable_json, lines)

    def footer() -> str:
        return f"{render.count(counted, 'row')}, {render.count(len(columns), 'column')}"

    return Display(lines, footer, is_wide=form == "markdown")

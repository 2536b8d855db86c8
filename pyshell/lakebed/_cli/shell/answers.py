"""How the result of a query is shown: laid out for the screen it is for, in the pager where it is longer, or handed on whole."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lakebed._cli import render
from lakebed._cli.commands.output import WIDE
from lakebed._cli.render import Row, Style
from lakebed._cli.results import Result

_BESIDE = 13
"""Lines of the screen that a table leaves to its frame, its footer, the statement and the prompts around it."""
_FRAME = 8
"""Lines that the frame of a table, its footer and the next prompt take: a table that fits in no more goes through no pager."""
_PAGED_ROWS = 1000
"""Rows of a table in the pager that are laid out together, under a heading of their own."""


@dataclass(frozen=True)
class Screen:
    """Where and how to show something."""

    width: int
    height: int
    rows: int
    """Rows of a table at most; 0 for all."""
    null: str
    style: Style
    everything: str = "type last to see everything"
    """How to see what a table leaves out."""

    @property
    def first(self) -> int:
        """Rows of a table that fit."""
        return min(self.rows, max(self.height - _BESIDE, min(5, self.height - _FRAME), 1)) if self.rows else 0


class Answer(NamedTuple):
    """Lines to show, and what to say below them."""

    lines: Iterator[str]
    footer: Callable[[], str]
    """Known when the lines have been taken."""
    is_wide: bool = False
    """Whether the lines only make sense in one piece: the pager scrolls them sideways."""
    is_cut: bool = False
    """Whether something may be missing, so that the footer is shown in a script, too."""


_STYLED = re.compile(r"\x1b\[[0-9;]*m")


def screen_lines(line: str, width: int) -> int:
    """How many lines of a screen this wide a line takes."""
    return max(-(-render.width(_STYLED.sub("", line)) // max(width, 1)), 1)


def table(result: Result, screen: Screen, *, records: bool) -> Answer:
    """The first rows as a table; with `records`, as records where the table would leave something out.

    Of several rows only where all records fit on the screen.
    """
    columns, limit = result.columns, screen.first
    rows = result.rows
    shown = list(itertools.islice(rows, limit + 1)) if limit else list(rows)
    more = bool(limit) and len(shown) > limit
    shown = shown[:limit] if more else shown
    drawn = render.box(columns, shown, screen.width, null=screen.null, style=screen.style)
    if records and not more and shown and (drawn.hidden_columns or drawn.has_cut):
        lines = list(render.vertical(columns, shown, null=screen.null, style=screen.style))
        if len(shown) == 1 or sum(screen_lines(line, screen.width) for line in lines) <= screen.height - 4:
            told = f"{render.count(len(shown), 'row')}, {render.count(len(columns), 'column')}"
            return Answer(iter(lines), lambda: told)
    told = f"the first {render.count(len(shown), 'row')}, there are more" if more else render.count(len(shown), "row")
    told += f", {render.count(len(columns), 'column')}"
    told += render.missing(len(columns), drawn)
    told += f": {screen.everything}" if more or drawn.hidden_columns or drawn.has_cut else ""
    return Answer(iter(drawn.lines), lambda: told, is_wide=True, is_cut=True)


def whole_table(result: Result, screen: Screen) -> Answer:
    """All rows and columns, nothing cut, as they are found: for the pager."""
    counted = 0

    def lines() -> Iterator[str]:
        nonlocal counted
        rows = result.rows
        while True:
            chunk = list(itertools.islice(rows, _PAGED_ROWS))
            if not chunk and counted:
                return
            counted += len(chunk)
            yield from render.box(result.columns, chunk, WIDE, null=screen.null, style=screen.style).lines
            if len(chunk) < _PAGED_ROWS:
                return

    def told() -> str:
        return f"{render.count(counted, 'row')}, {render.count(len(result.columns), 'column')}"

    return Answer(lines(), told, is_wide=True)


def written(result: Result, form: str, screen: Screen) -> Answer:
    """All rows in any of the other formats, as they are found."""
    counted = 0

    def counting(rows: Iterator[Row]) -> Iterator[Row]:
        nonlocal counted
        for row in rows:
            counted += 1
            yield row

    columns = result.columns
    rows = counting(result.rows)
    if form == "vertical":
        lines = render.vertical(columns, rows, null=screen.null, style=screen.style)
    elif form == "markdown":
        lines = render.markdown(columns, rows, null=screen.null)
    elif form == "csv":
        lines = render.csv(columns, rows)
    elif form == "json":
        lines = render.json_array(columns, rows, result.is_json)
    else:
        lines = render.json_objects(columns, rows, result.is_json)

    def told() -> str:
        return f"{render.count(counted, 'row')}, {render.count(len(columns), 'column')}"

    return Answer(lines, told, is_wide=form == "markdown")

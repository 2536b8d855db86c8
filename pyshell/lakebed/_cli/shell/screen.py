"""The terminal as results see it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.render import Style

if TYPE_CHECKING:
    from lakebed._cli.shell.context import ShellContext

_LINES_BESIDE_ROWS = 13
"""Lines of the screen that a table leaves to its frame, its footer, the statement and the prompts around it."""
_LINES_OF_FRAME = 8
"""Lines that the frame of a table, its footer and the next prompt take: a table that fits in what is left needs no
pager."""
_UNLIMITED = 1_000_000
"""The width and the height where there is no terminal."""


@dataclass(frozen=True)
class Screen:
    """The size of the terminal, and how results are shown on it."""

    width: int
    """In columns."""
    height: int
    """In lines."""
    rows: int
    """The most rows of a table; 0 for all."""
    null: str
    """What stands for NULL."""
    style: Style
    raw: bool = False
    """Whether control characters stay as they are: without a terminal."""
    everything: str = "type last to see everything"
    """How to see what a table leaves out."""

    @property
    def table_width(self) -> int | None:
        """The width of a table in columns of the terminal; None for one that is not cut, without a terminal."""
        return None if self.width == _UNLIMITED else self.width

    @property
    def first_rows(self) -> int:
        """The rows of a table that fit; 0 for all."""
        if not self.rows:
            return 0
        return min(self.rows, max(self.height - _LINES_BESIDE_ROWS, min(5, self.height - _LINES_OF_FRAME), 1))


def current_screen(context: ShellContext) -> Screen:
    """The screen of the shell now: the size of a terminal may change at any time."""
    size = shutil.get_terminal_size((120, 40))
    settings = context.settings
    if context.is_interactive:
        return Screen(size.columns, size.lines, settings.rows, settings.null, context.style)
    # The user of a script cannot type `last`.
    return Screen(
        size.columns if context.on_terminal else _UNLIMITED,
        _UNLIMITED,
        settings.rows,
        settings.null,
        context.style,
        not context.on_terminal,
        "format vertical shows everything",
    )


_STYLE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def screen_lines(line: str, width: int) -> int:
    """The lines of a screen of this width that a line of text takes."""
    return max(-(-render.width(_STYLE_SEQUENCE.sub("", line)) // max(width, 1)), 1)

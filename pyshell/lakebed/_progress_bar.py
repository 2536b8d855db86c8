"""A progress bar on one line of a terminal, on standard error."""

from __future__ import annotations

import os
import shutil
import sys

__all__ = ["TerminalBar", "amounts"]

_BAR_WIDTH = 40
"""Columns of the bar itself; fewer where the terminal is narrow."""
_NARROWEST_BAR = 10


def amounts(done: int, total: int | None, rows: int, seconds: float) -> str:
    """The amounts of work done as text: `12.3 of 45.6 MB, 7,890 rows, 24.6 MB/s, 1 s left`.

    `done` and `total` are bytes. Speed and remaining time are left out where they are not known.
    """
    parts = [f"{done / 1e6:,.1f}{f' of {total / 1e6:,.1f}' if total else ''} MB", f"{rows:,} rows"]
    if seconds > 0 and done:
        parts.append(f"{done / 1e6 / seconds:,.1f} MB/s")
        if total and total > done:
            parts.append(f"{(total - done) * seconds / done:,.0f} s left")
    return ", ".join(parts)


class TerminalBar:
    """A bar that is redrawn in place, and erased by `close`. It draws nothing where standard error is not a
    terminal."""

    def __init__(self, title: str) -> None:
        self._title = "".join(character if character.isprintable() else "?" for character in title)
        self._stream = sys.stderr
        forced = os.environ.get("FORCE_COLOR", "0") not in ("", "0")
        self._is_drawn = forced or (self._stream.isatty() and os.environ.get("TERM") != "dumb")

    def update(self, done: int, total: int | None, rows: int, seconds: float) -> None:
        """Draws the bar: `done` of `total` bytes (None when not known), and rows, in seconds since the beginning."""
        if self._is_drawn:
            columns = shutil.get_terminal_size((80, 24)).columns
            self._write(f"\r\x1b[K{line(self._title, done, total, rows, seconds, columns)}")

    def close(self) -> None:
        """Erases the bar."""
        if self._is_drawn:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def line(title: str, done: int, total: int | None, rows: int, seconds: float, columns: int) -> str:
    """The line with title, bar and amounts. It is shorter than a terminal of this many columns."""
    text = amounts(done, total, rows, seconds)
    room = columns - 3 - len(title) - len(text)
    if total and room >= _NARROWEST_BAR:
        width = min(room, _BAR_WIDTH)
        filled = min(width, width * done // total)
        text = "━" * filled + " " * (width - filled) + " " + text
    return f"{title} {text}"[: columns - 1]

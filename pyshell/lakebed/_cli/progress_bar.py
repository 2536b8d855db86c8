"""The progress bar of long calls on a terminal: one line on standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from lakebed._cli.render import escaped


class _RowsColumn(ProgressColumn):
    """The number of rows done."""

    def render(self, task: Task) -> Text:
        """The number as text."""
        return Text(f"{task.fields.get('rows', 0):,} rows")


_TITLE_WIDTH = 18
"""The most columns of a terminal that a title takes."""


def _title(text: str) -> str:
    """The text, or the end of a long one: that of a path names the file."""
    if cell_len(text) <= _TITLE_WIDTH:
        return text
    start = len(text) - _TITLE_WIDTH
    while cell_len(text[start:]) >= _TITLE_WIDTH:
        start += 1
    return "…" + text[start:]


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int | None, int, float], None]]:
    """A bar with bytes, rows, speed and remaining time after `title`; it disappears when the work is done.

    The function takes bytes done, all bytes (None when not known), rows done and seconds since the beginning. Nothing
    is drawn where standard error is not a terminal.
    """
    columns = [
        # What is left of a narrow terminal goes to the bar.
        TextColumn("{task.description}", markup=False, table_column=Column(max_width=_TITLE_WIDTH, no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
        DownloadColumn(table_column=Column(no_wrap=True)),
        _RowsColumn(table_column=Column(no_wrap=True)),
        TransferSpeedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
        task = bar.add_task(_title(escaped(title)), total=None)

        def report(done: int, total: int | None, rows: int, seconds: float) -> None:
            bar.update(task, completed=done, total=total, rows=rows, seconds=seconds)

        yield report

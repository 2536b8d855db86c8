"""The `progress` argument of long calls: a callable, a progress bar, or nothing."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from lakebed import _html

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text


class Progress(NamedTuple):
    """How much of a long call is done."""

    bytes: int
    """Bytes of the input that are done."""
    total_bytes: int | None
    """All bytes of the input, if known."""
    rows: int
    """Rows (in `verify`: blobs) done."""
    seconds: float
    """Seconds since the call began."""


ProgressLike: TypeAlias = Callable[[Progress], object] | bool | None
"""None or False: silent. True: a bar on standard error, or in the notebook. A callable: called a few times a second."""

EngineProgress: TypeAlias = Callable[[int, int | None, int, float], None]
"""What a backend calls: bytes done, total bytes, rows, seconds since the call began."""


@contextlib.contextmanager
def reporting(progress: ProgressLike, title: str) -> Iterator[EngineProgress | None]:
    """The function to give to the backend for this `progress` argument; `title` stands before a bar.

    Raises `TypeError` when it is neither None, a bool nor a callable.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _notebook_bar(title) if _in_notebook() else _bar(title) as report:
            yield report
    elif callable(progress):
        callback = progress

        def report(done: int, total: int | None, rows: int, seconds: float) -> None:
            callback(Progress(done, total, rows, seconds))

        yield report
    else:
        raise TypeError(f"progress must be None, True or a callable, not {type(progress).__name__}")


def _in_notebook() -> bool:
    """Whether this runs in a notebook: only the shell of a notebook's kernel has an attribute `kernel`."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _notebook_bar(title: str) -> Iterator[EngineProgress]:
    """A progress bar in HTML, which needs no widgets."""
    display = importlib.import_module("IPython.display")
    handle = display.display(display.HTML(""), display_id=True)

    def report(done: int, total: int | None, rows: int, seconds: float) -> None:
        handle.update(display.HTML(_html.bar(title, done, total, rows, seconds)))

    try:
        yield report
    finally:
        # The bar disappears when the work is done, as on a terminal.
        handle.update(display.HTML(""))


@contextlib.contextmanager
def _bar(title: str) -> Iterator[EngineProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        _rows_column(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    ]
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def report(done: int, total: int | None, rows: int, seconds: float) -> None:
            bar.update(task, completed=done, total=total, rows=rows, seconds=seconds)

        yield report


def _rows_column() -> ProgressColumn:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rows(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.fields.get('rows', 0):,} rows")

    return Rows()

"""How far a long call got: told to a callable, drawn as a bar, or not at all."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from lakebed import _html
from lakebed._progress_bar import TerminalBar


class Progress(NamedTuple):
    """How far a long call got."""

    bytes: int
    """Bytes of the input that are done."""
    total_bytes: int | None
    """All bytes there are to do, where that is known."""
    rows: int
    """Rows (in `verify`: blobs) done."""
    seconds: float
    """Seconds since the call began."""


ProgressLike: TypeAlias = Callable[[Progress], object] | bool | None
"""None or False: silent. True: a bar on standard error, or in the notebook. A callable: told a few times a second."""

Report: TypeAlias = Callable[[int, int | None, int, float], None]
"""What the engine calls: bytes, total bytes, rows, seconds."""


@contextlib.contextmanager
def reporting(progress: ProgressLike, title: str) -> Iterator[Report | None]:
    """What to hand to the engine for this `progress` argument."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _notebook_bar(title) if _in_notebook() else _bar(title) as report:
            yield report
    elif callable(progress):
        tell = progress

        def report(done: int, total: int | None, rows: int, seconds: float) -> None:
            tell(Progress(done, total, rows, seconds))

        yield report
    else:
        raise TypeError(f"progress must be None, True or a callable, not {type(progress).__name__}")


def _in_notebook() -> bool:
    """Whether what is shown ends up in a notebook's page: only its kernel has a shell with a `kernel`."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _notebook_bar(title: str) -> Iterator[Report]:
    """A bar of the page's own, which needs no widgets installed."""
    display = importlib.import_module("IPython.display")
    handle = display.display(display.HTML(""), display_id=True)

    def report(done: int, total: int | None, rows: int, seconds: float) -> None:
        handle.update(display.HTML(_html.bar(title, done, total, rows, seconds)))

    try:
        yield report
    finally:
        # As on a terminal it is gone when the work is.
        handle.update(display.HTML(""))


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Report]:
    """A progress bar on standard error, if that is a terminal. It disappears when the work is done."""
    bar = TerminalBar(title)
    try:
        yield bar.update
    finally:
        bar.close()

"""The `progress` argument of long calls: a callable, a progress bar, or nothing."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from lakebed._packages import required


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
        with contextlib.ExitStack() as stack:
            bars: list[EngineProgress] = []

            def drawn(done: int, total: int | None, rows: int, seconds: float) -> None:
                # What has nothing to do, and reports nothing, shows no bar.
                if not bars:
                    bars.append(stack.enter_context(_notebook_bar(title) if _in_notebook() else _bar(title)))
                bars[0](done, total, rows, seconds)

            yield drawn
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
    from lakebed import _html

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
    """A progress bar on standard error, if that is a terminal. It disappears when the work is done.

    What draws on a terminal belongs to the command line, and is loaded only when a bar is wanted: nothing else below it
    depends on rich.
    """
    with required():
        drawn = importlib.import_module("lakebed._cli.progress_bar")
    with drawn.progress_bar(title) as report:
        yield report

"""Shows text that is longer than the screen in the pager, line by line as it is produced.

Neither Ctrl-C nor quitting the pager ends the shell.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from lakebed._cli.shell.screen import Screen, screen_lines
from lakebed.duck.interrupt import forget_interrupt, note_interrupt, was_interrupted


def pager_command(environ: Mapping[str, str]) -> list[str] | None:
    """The pager: `$PAGER`, else less; None when it is not installed, and on a terminal that cannot move its cursor."""
    if environ.get("TERM") == "dumb":
        return None
    try:
        given = shlex.split(environ.get("PAGER", ""))
    except ValueError:
        given = []
    if given:
        return given if shutil.which(given[0]) else None
    return ["less"] if shutil.which("less") else None


def show(
    lines: Iterable[str],
    screen: Screen,
    pager: list[str] | None,
    stop: Callable[[], object] = lambda: None,
    *,
    is_wide: bool = False,
) -> Shown:
    """Writes lines to the terminal, through the pager when they do not fit.

    `stop` is called when the pager ends early: it ends the work that produces the lines. Lines that are `is_wide`
    scroll sideways in the pager, others are wrapped. A Ctrl-C while the pager is open ends that work, too, and nothing
    else: the pager shows what there is.
    """
    began = time.monotonic()
    produced = 0.0

    def timed(lines: Iterator[str]) -> Iterator[str]:
        nonlocal produced
        while True:
            asked = time.monotonic()
            try:
                line = next(lines, None)
            finally:
                produced += time.monotonic() - asked
            if line is None:
                return
            yield line

    lines = timed(iter(lines))
    first: list[str] = []
    room = screen.height - _LINES_BELOW
    while pager is not None and room > 0:
        line = next(lines, None)
        if line is None:
            pager = None
            break
        first.append(line)
        room -= screen_lines(line, screen.width)
    if pager is None:
        for line in itertools.chain(first, lines):
            sys.stdout.write(line + "\n")
        return Shown(0.0, False)
    sys.stdout.flush()
    stopped = _show_in_pager(pager, itertools.chain(first, lines), stop, is_wide=is_wide)
    return Shown(time.monotonic() - began - produced, stopped)


class Shown(NamedTuple):
    """How a text was shown."""

    seconds: float
    """The seconds in which a person read it in the pager, and nothing was computed."""
    is_stopped: bool
    """Whether Ctrl-C ended the work that produces the text."""


_LINES_BELOW = 2
"""Lines of the screen below a result: its footer and the next prompt."""


def _show_in_pager(pager: list[str], lines: Iterator[str], stop: Callable[[], object], *, is_wide: bool) -> bool:
    """Writes lines to the pager and waits for its end. Returns whether Ctrl-C ended the work that produces them."""
    environ = dict(os.environ)
    # -R passes colors, -S scrolls sideways instead of wrapping, -X leaves the text on the screen.
    environ.setdefault("LESS", "-RSX" if is_wide else "-RX")
    environ.setdefault("LESSCHARSET", "utf-8")
    written = threading.Event()
    forget_interrupt()
    with ignoring_ctrl_c():
        process = subprocess.Popen(pager, stdin=subprocess.PIPE, env=environ)
        assert process.stdin is not None

        def watch() -> None:
            process.wait()
            if not written.is_set():
                stop()

        watcher = threading.Thread(target=watch, name="lakebed-pager", daemon=True)
        watcher.start()
        try:
            for line in lines:
                process.stdin.write(line.encode("utf-8", "replace") + b"\n")
        except SystemExit:
            process.terminate()
            raise
        except BaseException:
            # Once the pager has ended, errors do not matter: nobody reads the rest.
            if process.poll() is None and not was_interrupted():
                raise
            return was_interrupted()
        finally:
            written.set()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            watcher.join()
            forget_interrupt()
    return False


@contextlib.contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """While entered, Ctrl-C is left to the program that has the terminal, and to the query that feeds it."""
    before = signal.signal(signal.SIGINT, lambda *_: note_interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

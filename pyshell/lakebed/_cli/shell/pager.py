"""What is longer than the screen goes through the pager, line by line as it is found. The shell owns it: no Ctrl-C, no quitting of
the pager, ends the shell.
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebed._cli.shell.answers import Screen


def command(environ: Mapping[str, str]) -> list[str] | None:
    """The pager: `$PAGER`, else less where there is one."""
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
) -> None:
    """Writes the lines, through the pager when they are more than fit. `stop` ends the work behind them when the pager has ended."""
    from lakebed._cli.shell.answers import screen_lines

    lines = iter(lines)
    first: list[str] = []
    room = screen.height - _BELOW
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
        return
    sys.stdout.flush()
    _through(pager, itertools.chain(first, lines), stop, is_wide=is_wide)


_BELOW = 2
"""Lines of the screen below an answer: its footer and the next prompt."""


def _through(pager: list[str], lines: Iterator[str], stop: Callable[[], object], *, is_wide: bool) -> None:
    environ = dict(os.environ)
    # Colors pass, tables scroll sideways, all else is wrapped, and what was shown stays on the screen.
    environ.setdefault("LESS", "-RSX" if is_wide else "-RX")
    environ.setdefault("LESSCHARSET", "utf-8")
    written = threading.Event()
    with deaf():
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
        except BaseException:
            # Somebody who has left the pager has seen enough.
            if process.poll() is None:
                raise
        finally:
            written.set()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            watcher.join()


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """While a program has the screen, Ctrl-C is for it, and for the query that feeds it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

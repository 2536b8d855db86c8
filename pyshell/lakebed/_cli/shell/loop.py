"""The loop of the shell: reads statements from the terminal and runs them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from lakebed._cli import render
from lakebed._cli.environment.opened_file import table_name
from lakebed._cli.shell import statements
from lakebed._cli.shell.completion_catalog import CatalogReader, CompletionCatalog, ModelReader, read_catalog
from lakebed._cli.shell.execute import run, run_text
from lakebed._cli.shell.session import Leave, Session
from lakebed._cli.shell.signals import ENDING_SIGNALS
from lakebed.duck.interrupt import note_interrupt

if TYPE_CHECKING:
    from lakebed._cli.shell.line_editor import LineEditor


def run_script(flags: dict[str, object], text: str, *, safe: bool, **places: Any) -> int:
    """Runs the statements of a script up to the first that fails; the exit code. `places` are those of `Session`.

    Raises `StoreNotFound` when there is no store.
    """
    session = Session(flags, safe=safe, **places)
    try:
        if session.opened is None:
            # A script in the wrong directory fails at once, and the error names the path.
            with session.context.open():
                pass
        return run_text(session, text)
    except Leave:
        return 0
    finally:
        session.close()


def run_shell(flags: dict[str, object], *, safe: bool, **places: Any) -> int:
    """Runs the shell on a terminal until the user leaves it; the exit code. `places` are those of `Session`."""
    from lakebed._cli.shell.line_editor import LineEditor, theme_of

    session = Session(flags, safe=safe, interactive=True, **places)
    settings = session.context.settings
    catalog = CatalogReader(lambda old: _read_catalog(session, old))
    models = ModelReader(lambda: session.uses_server)
    editor = LineEditor(
        table_name(session.opened)
        if session.opened
        else Path(settings.store).name.removesuffix(".lakebed") or settings.store,
        lambda: replace(catalog.newest, models=models.newest),
        session.history,
        keys=settings.keys,
        theme=theme_of(settings.theme, os.environ),
        status=session.status,
        color=session.context.style.color,
        opens_editor=not safe,
    )
    _greet(session)
    with _restored_terminal() as restore, _ending_on_signals(session), _ctrl_c_once():
        try:
            _loop(session, editor, catalog, models, restore)
        except Leave:
            pass
        finally:
            catalog.wait()
            session.close()
    return 0


def _loop(
    session: Session, editor: LineEditor, catalog: CatalogReader, models: ModelReader, restore: Callable[[], None]
) -> None:
    from lakebed._cli.shell.line_editor import theme_of

    def refresh() -> None:
        # After the prompt is shown, because importing DuckDB takes a while.
        catalog.refresh()
        models.refresh()

    while True:
        try:
            try:
                beginning, session.next_text = session.next_text or "", None
                settings = session.context.settings
                editor.configure(keys=settings.keys, theme=theme_of(settings.theme, os.environ))
                text = editor.read(beginning, refresh)
                catalog.wait()
                run(session, statements.typed(text))
            finally:
                restore()
        except KeyboardInterrupt:
            # Ctrl-C at the prompt, or right after the end of a statement.
            continue
        except EOFError:
            return


def _read_catalog(session: Session, old: CompletionCatalog) -> CompletionCatalog:
    """The catalog for completion, read on a cursor of its own."""
    cursor = session.connection.cursor()
    try:
        return read_catalog(cursor, old, tuple(session.saved_queries.names()), session.store)
    finally:
        cursor.close()


def _greet(session: Session) -> None:
    from lakebed import __version__, backend

    version = f"lakebed {__version__} ({backend()})"
    session.context.note_backend()
    store = Path(session.context.settings.store)
    if session.opened is not None:
        name = render.escaped(table_name(session.opened))
        file = render.escaped(session.opened)
        sys.stdout.write(
            session.context.style.dim(
                f"{version}: {file} is the table {name}, and in no store; `ingest {file}` keeps it in {store}."
            )
            + "\n"
        )
        return
    style = session.context.style
    missing = "" if store.exists() else ": there is no store yet, `ingest FILE` makes one"
    sys.stdout.write(
        style.dim(f"{version} on {render.escaped(str(store))}{missing}. help lists the verbs, Ctrl-D leaves.") + "\n"
    )


@contextlib.contextmanager
def _restored_terminal() -> Iterator[Callable[[], None]]:
    """A function that restores the settings of the terminal; it is called at the end, too."""
    try:
        import termios

        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
    except (ImportError, OSError, ValueError):
        yield lambda: None
        return

    def restore() -> None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(number, termios.TCSADRAIN, before)

    try:
        yield restore
    finally:
        restore()


@contextlib.contextmanager
def _ending_on_signals(session: Session) -> Iterator[None]:
    """While entered, a signal that ends the process unwinds the stack, so that the terminal is restored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        session.ended_by = number
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _ctrl_c_once() -> Iterator[None]:
    """While entered, a Ctrl-C raises `KeyboardInterrupt`; further ones within half a second, while it is being handled,
    do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -1.0

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last
        note_interrupt()
        now = time.monotonic()
        if now - last > 0.5:
            last = now
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

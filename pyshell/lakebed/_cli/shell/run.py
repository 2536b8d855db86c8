"""The loop of the shell: a prompt, a statement, its answer, again."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from lakebed._cli.shell.catalogue import Catalogue, Catalogues, Models, picture
from lakebed._cli.shell.session import ENDING, Leave, Session, patient

if TYPE_CHECKING:
    from lakebed._cli.shell.prompt import Prompt


def run_text(flags: dict[str, object], text: str, *, safe: bool) -> int:
    """Runs a script: no prompt, results as `lakebed query` writes them. It stops at the first error; an exit code."""
    session = Session(flags, safe=safe)
    try:
        # A script in the wrong directory fails, and names the path.
        with session.context.open():
            pass
        return session.run(text)
    except Leave:
        return 0
    finally:
        session.close()


def run(flags: dict[str, object], *, safe: bool) -> int:
    """Runs the shell on a terminal until somebody leaves; an exit code."""
    from lakebed._cli.shell.prompt import Prompt

    session = Session(flags, safe=safe, interactive=True)
    settings = session.context.settings
    catalogues = Catalogues(lambda old: _picture(session, old))
    models = Models(lambda: session.knows_server)
    prompt = Prompt(
        Path(settings.store).name.removesuffix(".lakebed") or settings.store,
        lambda: replace(catalogues.newest, models=models.newest),
        session.history,
        keys=settings.keys,
        color=session.context.style.color,
        editor=not safe,
    )
    _greet(session)
    with _terminal() as restore, _ending_in_order(session), patient():
        try:
            _loop(session, prompt, catalogues, models, restore)
        except Leave:
            pass
        finally:
            catalogues.wait()
            session.close()
    return 0


def _loop(
    session: Session, prompt: Prompt, catalogues: Catalogues, models: Models, restore: Callable[[], None]
) -> None:
    def look() -> None:
        # Not before: somebody waits for the prompt, and DuckDB takes a while to be imported.
        catalogues.refresh()
        models.refresh()

    while True:
        try:
            try:
                beginning, session.next_text = session.next_text or "", None
                text = prompt.ask(beginning, look)
                catalogues.wait()
                session.run(text)
            finally:
                restore()
        except KeyboardInterrupt:
            # At the prompt, or wherever a Ctrl-C came that belonged to what had just ended.
            continue
        except EOFError:
            return


def _picture(session: Session, old: Catalogue) -> Catalogue:
    """What completion knows, on a connection of its own."""
    from lakebed._cli.commands.connecting import NAME

    cursor = session.connection.cursor()
    try:
        return picture(cursor, old, tuple(session.queries.names()), NAME)
    finally:
        cursor.close()


def _greet(session: Session) -> None:
    from lakebed import __version__

    store = Path(session.context.settings.store)
    style = session.context.style
    there = "" if store.exists() else ": there is no store yet, `ingest FILE` makes one"
    sys.stdout.write(style.dim(f"lakebed {__version__} on {store}{there}. help lists the verbs, Ctrl-D leaves.") + "\n")


@contextlib.contextmanager
def _terminal() -> Iterator[Callable[[], None]]:
    """Gives a function that sets the terminal back to what it was, and calls it at the end."""
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
def _ending_in_order(session: Session) -> Iterator[None]:
    """A signal that ends the process ends the shell in order, so that the terminal is left as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        session.ended_by = number
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

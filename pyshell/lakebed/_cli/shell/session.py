"""The state of one shell, and the running of statements in it.

Everything runs in the main thread, where Ctrl-C arrives. A statement that fails, whatever the reason, is a message.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from lakebed._cli.commands.context import Context
from lakebed._cli.parsing import VerbCommand, json_option, parse
from lakebed._cli.pipes.split import Piece
from lakebed._cli.pipes.tokens import tokens
from lakebed._cli.shell import dots, pager, statements
from lakebed._cli.shell.history import History, history_file
from lakebed._cli.shell.progress import Progress
from lakebed._cli.shell.queries import Queries
from lakebed._cli.verbs import SHELL_VERBS
from lakebed.duck.interrupt import heard
from lakebed.errors import InvalidArgument, StoreNotFound

if TYPE_CHECKING:
    import duckdb

ENDING = (signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else []))
"""The signals that end a shell: in order, so that the terminal is left as it was found."""

LAST = "_"
"""The table of the last result."""


class Leave(Exception):
    """Somebody wants to leave the shell."""


class ShellContext(Context):
    """What verbs see of the shell: the format that was chosen in it."""

    chosen: str | None = None
    has_person = False
    """Whether the shell talks to somebody on a terminal."""

    running: Progress | None = None
    """What tells how far the statement is, on the line that a note would stand on."""

    def note(self, text: str) -> None:
        self._stop_telling()
        super().note(text)

    def say(self, text: str) -> None:
        self._stop_telling()
        super().say(text)

    def confirm(self, question: str) -> bool:
        self._stop_telling()
        return super().confirm(question)

    def listing(self, *given: Any, **more: Any) -> None:
        self._stop_telling()
        super().listing(*given, **more)

    def _stop_telling(self) -> None:
        if self.running is not None:
            self.running.stop()

    @property
    def on_terminal(self) -> bool:
        return self.has_person or super().on_terminal

    def format(self, requested: str | None, output: str | None = None) -> str:
        if requested is None and self.chosen not in (None, "auto", "parquet") and not self.json:
            return str(self.chosen)
        return super().format(requested, output)


class Session:
    """One shell on one store."""

    def __init__(self, flags: dict[str, object], *, safe: bool = False, interactive: bool = False) -> None:
        self.flags = flags
        self.safe = safe
        self.interactive = interactive
        self.context = ShellContext(flags, safe=safe)
        self.context.has_person = interactive
        settings = self.context.settings
        self.timing = settings.timing and interactive
        self.pager = pager.command(os.environ) if interactive and settings.pager == "auto" and not safe else None
        self.history = History(history_file(os.environ), settings.store) if interactive else None
        self.queries = Queries(self.context.loaded.files[0].parent / "queries")
        self.target: IO[bytes] | None = None
        self.target_name = ""
        self.target_format = ""
        """The format that the ending of the file says, until another is chosen."""
        self.target_is_full = False
        """Whether results go to something that holds one, which it has."""
        self.program: list[str] = []
        self.last_query: str | None = None
        self.last_statement: str | None = None
        self.next_text: str | None = None
        """What the next prompt begins with."""
        self.knows_server = False
        """Whether a statement has talked to a model server: before that, completion does not either."""
        self.ended_by: int | None = None
        """The signal that ends this shell."""
        self.depth = 0
        """How many files and saved queries are being run inside each other."""
        self._last_is_kept = False
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._connecting = threading.Lock()
        self._attached: bytes | None = None
        """What tells the store that is attached from every other one."""

    # --- The connection -------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB of this shell; it sees the store as soon as there is one."""
        with self._connecting:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def _identity(self) -> bytes | None:
        """What the store that is there now differs in from every other one: the file with its name, of a store's whole life."""
        try:
            return (Path(self.context.settings.store) / "FORMAT").read_bytes()
        except OSError:
            return None

    def _connect(self) -> duckdb.DuckDBPyConnection:
        from lakebed._cli.commands.connecting import connect

        connection = connect(self.context)
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        self._attach(connection)
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        from lakebed._cli.commands.connecting import NAME, show_store

        shows_history = self.history is not None and self.history.is_kept and not self.safe
        try:
            show_store(self.context, connection)
        except StoreNotFound:
            if shows_history:
                connection.execute(f"CREATE OR REPLACE TEMP VIEW history AS {self._history_sql()}")
            return
        self._attached = self._identity()
        if shows_history:
            connection.execute("DROP VIEW IF EXISTS temp.history")
            connection.execute(f"CREATE OR REPLACE VIEW {NAME}.sys.history AS {self._history_sql()}")

    def _history_sql(self) -> str:
        """The statements that were typed. A line that is none is passed over, as completion and Ctrl-R do."""
        from lakebed.duck.names import literal

        assert self.history is not None
        columns = "{'at': 'TIMESTAMPTZ', 'store': 'VARCHAR', 'statement': 'VARCHAR'}"
        return (
            f"FROM read_json({literal(str(self.history.path))}, format = 'newline_delimited', columns = {columns}, "
            "ignore_errors = true) WHERE statement IS NOT NULL"
        )

    def refresh(self) -> None:
        """Moves to the newest commit of the store, if there is one."""
        import lakebed

        connection = self.connection
        if self._attached is None:
            self._attach(connection)
        else:
            lakebed.refresh(connection)

    def renew(self) -> None:
        """Starts anew where the store has been removed, and perhaps made again, under this shell."""
        if self._attached is None or self._attached == self._identity():
            return
        if self._connection is not None:
            self._connection.close()
        self._connection = self._attached = self.last_query = None
        self.context.note(
            f"note: {self.context.settings.store} is not the store it was: somebody removed it. "
            "What was created in this shell is gone."
        )

    def close(self) -> None:
        """Ends the session."""
        self.direct(None)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.history is not None:
            self.history.close()

    # --- Running --------------------------------------------------------------------------------------------------------

    def run(self, text: str) -> int:
        """Runs the statements of a text up to the first that fails; an exit code."""
        for piece in statements.pieces(text):
            code = self._contained(piece)
            if code:
                return code
        return 0

    def _contained(self, piece: Piece) -> int:
        """Runs a statement; whatever goes wrong is told, and is an exit code."""
        began = time.monotonic()
        try:
            code = self._run(piece) or 0
        except (Leave, SystemExit):
            raise
        except BrokenPipeError:
            if not self.interactive:
                raise
            return 0
        except BaseException as problem:
            # A crash of one statement is not the end. A panic is no Exception.
            from lakebed._cli.main import failed, interruption

            if self.ended_by is not None:
                # A signal came while the statement ran. What it raised may have been lost in there.
                raise SystemExit(128 + self.ended_by) from problem
            if isinstance(problem, KeyboardInterrupt):
                self._say_error(interruption(problem))
                return 130
            return failed(problem)
        # Of SQL, and of what a dot-command stands for, it has been said.
        if (
            self.timing
            and code == 0
            and piece.kind in ("verb", "pipe")
            and (seconds := time.monotonic() - began) >= 0.1
        ):
            self.narrate(took(seconds))
        return code

    def _run(self, piece: Piece) -> int | None:
        if piece.kind == "dot":
            text = dots.statement(piece.verb, [word.text for word in piece.words])
            if text is None:
                raise InvalidArgument(statements.no_such_dot(piece.verb))
            return self.run(text + ";")
        if piece.kind == "verb":
            return self._verb(piece)
        from lakebed._cli.shell.asking import ask

        if piece.kind == "sql" and statements.starts_no_sql(piece.text):
            raise InvalidArgument(statements.no_such_verb(piece.text))
        return ask(self, piece)

    def _verb(self, piece: Piece) -> int | None:
        verb = statements.find(piece.verb)
        assert verb is not None, piece
        if not all(word.closed for word in piece.words):
            message = f"A quote after {piece.verb!r} is not closed."
            raise InvalidArgument(message)
        command = VerbCommand(verb, more=[json_option()] if verb.json else [])
        arguments = parse(command, piece.words)
        if arguments is None:
            return None
        self.knows_server = self.knows_server or verb.name in statements.SERVER_VERBS
        module, _, function = verb.run.partition(":")
        if verb in SHELL_VERBS:
            result: int | None = getattr(importlib.import_module(module), function)(self, **arguments)
            return result
        self.context.json = bool(arguments.pop("json", False))
        self._check_files(arguments, verb.arguments)
        try:
            with Progress(None, shown=self.interactive and verb.is_quiet) as self.context.running:
                result = getattr(importlib.import_module(f"lakebed._cli.commands.{module}"), function)(
                    self.context, **arguments
                )
                sys.stdout.flush()
        finally:
            self.context.json = False
        return result

    def _check_files(self, arguments: dict[str, Any], known: tuple[Any, ...]) -> None:
        """Under --safe no verb reads or writes a file."""
        for argument in known:
            if argument.kind == "file" and arguments.get(argument.name):
                value = arguments[argument.name]
                for file in value if isinstance(value, tuple) else (value,):
                    self.context.allow_file(str(file))

    # --- The last result ------------------------------------------------------------------------------------------------

    def remember(self, sql: str) -> None:
        """This query's result is the last one."""
        self.last_query, self._last_is_kept = sql, False

    def keep_last(self, sql: str) -> None:
        """Computes the last result as a table, where a statement that comes names it and nothing has yet.

        Before the statement moves the shell to a newer commit: so it is the result that was shown.
        """
        if self.last_query is None or self._last_is_kept:
            return
        if not any(token.kind == "identifier" and sql[token.start : token.end] == LAST for token in tokens(sql)):
            return
        from lakebed._cli.results import bare

        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {LAST} AS FROM (\n{bare(self.last_query)}\n)")
        self._last_is_kept = True

    # --- Saying something -----------------------------------------------------------------------------------------------

    def narrate(self, text: str) -> None:
        """A remark below a result: on the screen only."""
        if self.interactive:
            for line in textwrap.wrap(
                text, max(self.context.width - 2, 20), break_long_words=False, break_on_hyphens=False
            ):
                sys.stdout.write(self.context.style.dim(f"  {line}") + "\n")
            sys.stdout.flush()

    def _say_error(self, message: str) -> None:
        from lakebed._cli.main import complain

        complain(message)

    def direct(self, target: IO[bytes] | None, name: str = "") -> None:
        """Results go there from now on; None: to the screen."""
        if self.target is not None:
            self.target.close()
        self.target, self.target_name, self.program = target, name, []
        self.target_format, self.target_is_full = self._format_of_target() if name else "", False

    def choose(self, form: str) -> None:
        """Results are written in this format from now on."""
        self.context.chosen = form
        self.target_format = self._format_of_target() if form == "auto" else ""

    def _format_of_target(self) -> str:
        from lakebed._cli.commands.output import FORMAT_BY_SUFFIX

        return FORMAT_BY_SUFFIX.get(Path(self.target_name).suffix.lower(), "")


def took(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """While entered, a Ctrl-C raises `KeyboardInterrupt` once; those that come right after it, while it is being handled, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -1.0

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last
        heard()
        now = time.monotonic()
        if now - last > 0.5:
            last = now
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

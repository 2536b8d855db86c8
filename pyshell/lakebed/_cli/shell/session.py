"""The state of one shell: its store and connection, where results go, and the last result."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.language.statements import Statement
from lakebed._cli.shell import pager
from lakebed._cli.shell.context import ShellContext
from lakebed._cli.shell.history import History, history_file
from lakebed._cli.shell.saved_queries import SavedQueries
from lakebed._cli.shell.screen import current_screen
from lakebed._encodings import compressed
from lakebed._file_formats import compression_of, file_format
from lakebed.errors import InvalidArgument, StoreNotFound

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.environment.attached_stores import AttachedStores
    from lakebed.duck.attachment import Attachment

LAST = "_"
"""The name of the table of the last result."""


class Leave(Exception):
    """Ends the shell: the user wants to leave it."""


class Session:
    """One shell on one store."""

    def __init__(
        self,
        flags: dict[str, object],
        *,
        safe: bool = False,
        interactive: bool = False,
        database: str | None = None,
        opened: str | None = None,
    ) -> None:
        self._database = database
        self.opened = opened
        """The file that is a table of the shell."""
        self.has_hinted = False
        """Whether it has been said that tables of one's own do not last."""
        self.flags = flags
        self.safe = safe
        self.interactive = interactive
        """Whether a person types the statements, on a terminal."""
        self.context = ShellContext(flags, safe=safe)
        self.context.is_interactive = interactive
        settings = self.context.settings
        self.timing = settings.timing and interactive
        """Whether to show how long statements took."""
        self.pager: list[str] | None = None
        self.apply_settings("pager")
        self.reading_seconds = 0.0
        """The seconds that this shell has waited for a person: in the pager and in the editor."""
        self.history = History(history_file(os.environ), settings.store) if interactive else None
        self.saved_queries = SavedQueries(self.context.loaded.files[0].parent / "queries")
        self.target = Target()
        self.in_transaction = False
        """Whether the user has begun a transaction."""
        self.last_query: str | None = None
        """The SQL of the last result."""
        self.last_statement: str | None = None
        """The last statement of SQL or pipe, as it was typed."""
        self.next_text: str | None = None
        """The text that the next prompt begins with."""
        self.uses_server = False
        """Whether a statement has contacted a model server. Until then, completion does not contact it either."""
        self.ended_by: int | None = None
        """The signal that ends this shell."""
        self.depth = 0
        """How deep files and saved queries are nested that are being run."""
        self._last_is_kept = False
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._connecting = threading.Lock()
        self._stores: AttachedStores | None = None
        self._attached: bytes | None = None
        """The identity of the attached store."""

    @property
    def store(self) -> Attachment | None:
        """The attached store; None when there is none."""
        return self._stores.main if self._stores is not None else None

    def status(self) -> list[str]:
        """What the line below the prompt says: the store and its commit, and whether a transaction is open."""
        parts = [self.opened] if self.opened is not None else []
        store = self.store
        if store is not None:
            parts.append(f"{self.context.settings.store}, commit {store.commit:,}")
        elif not parts:
            parts.append(self.context.settings.store)
        if self.has_own_database:
            parts.append(f"database {self._database}")
        if self.in_transaction:
            parts.append("in a transaction")
        if not self.target.is_screen:
            parts.append(f"results go to {self.target.name or self.target.program[0]}")
        return parts

    def apply_settings(self, name: str) -> None:
        """Makes the session follow a setting that has been changed."""
        settings = self.context.settings
        if name == "timing":
            self.timing = settings.timing
        elif name == "pager":
            uses_pager = self.interactive and settings.pager == "auto" and not self.safe
            self.pager = pager.pager_command(os.environ) if uses_pager else None

    @property
    def has_own_database(self) -> bool:
        """Whether what is created is kept in a database file."""
        return self._database is not None

    # --- The
    # connection -------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, made when it is first used. It has the store, if there is one."""
        with self._connecting:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def time_zone(self) -> str:
        """The time zone of the connection, which SET TimeZone changes."""
        from lakebed._duckdb import duckdb

        if self._connection is None:
            return "UTC"
        try:
            found = self._connection.execute("SELECT current_setting('TimeZone')").fetchone()
        except duckdb.Error:
            # A transaction that has failed answers nothing.
            return "UTC"
        return str(found[0]) if found else "UTC"

    def _store_identity(self) -> bytes | None:
        """What distinguishes the store at the path from every other one, for its whole life; None when there is no
        store."""
        try:
            return (Path(self.context.settings.store) / "FORMAT").read_bytes()
        except OSError:
            return None

    def _connect(self) -> duckdb.DuckDBPyConnection:
        from lakebed._cli.environment.duckdb_connection import connect
        from lakebed._cli.environment.opened_file import open_file

        connection = connect(self.context, self._database)
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        self._attach(connection)
        if self.opened is not None:
            self.context.allow_file(self.opened)
            open_file(connection, self.opened)
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Adds the store, if there is one, and the table `history`."""
        from lakebed._cli.environment.attached_stores import AttachedStores
        from lakebed._cli.environment.duckdb_connection import DATABASE

        has_history = self.history is not None and self.history.is_kept and not self.safe
        if self._stores is None:
            self._stores = AttachedStores(self.context, connection)
        try:
            self._stores.attach_main()
        except StoreNotFound:
            if has_history:
                connection.execute(f"CREATE OR REPLACE TEMP VIEW history AS {self._history_sql()}")
            return
        self._attached = self._store_identity()
        if has_history:
            connection.execute("DROP VIEW IF EXISTS temp.history")
            connection.execute(f"CREATE OR REPLACE VIEW {DATABASE}.sys.history AS {self._history_sql()}")

    def _history_sql(self) -> str:
        """The query for the typed statements. It skips damaged lines, as completion and Ctrl-R do."""
        from lakebed._sql_text import literal

        assert self.history is not None
        columns = "{'at': 'TIMESTAMPTZ', 'store': 'VARCHAR', 'statement': 'VARCHAR'}"
        return (
            f"FROM read_json({literal(str(self.history.path))}, format = 'newline_delimited', columns = {columns}, "
            "ignore_errors = true) WHERE statement IS NOT NULL"
        )

    def refresh(self, statement: Statement | None = None) -> bool:
        """Moves to the newest commit of the store, or to a store that has been made since, and shows what a statement
        names.

        Returns whether the statement was one about stores, which has been run. Raises as `AttachedStores.prepare` does.
        """
        connection = self.connection
        assert self._stores is not None, connection
        if self.store is None:
            self._attach(connection)
        self._stores.refresh()
        return statement is not None and self._stores.prepare(statement)

    def reconnect_to_new_store(self) -> None:
        """Drops the connection when the store at the path is not the attached one any more, and says so."""
        if self._attached is None or self._attached == self._store_identity():
            return
        if self._connection is not None:
            self._connection.close()
        self._connection = self._attached = self._stores = self.last_query = None
        self.in_transaction = False
        self.context.note(
            f"note: {self.context.settings.store} is not the same store as before: the old one was removed. "
            "What was created in this shell is gone."
        )

    def close(self) -> None:
        """Closes the connection and the files of the session."""
        self.direct_to_screen()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.history is not None:
            self.history.close()

    # --- The last
    # result ------------------------------------------------------------------------------------------------

    def remember(self, query: str) -> None:
        """Makes the result of this query the last one."""
        self.last_query, self._last_is_kept = query, False

    def keep_last(self, statement: Statement) -> None:
        """Computes the last result as a table, when the statement names that table and it has not been computed.

        Call it before the statement moves the shell to a newer commit: then the table is the result that was shown.
        """
        if self.last_query is None or self._last_is_kept:
            return
        if not any(
            token.kind == "identifier"
            and statement.sql[token.start - statement.start : token.end - statement.start] == LAST
            for token in statement.tokens
        ):
            return
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {LAST} AS FROM (\n{self.last_query}\n)")
        self._last_is_kept = True

    # ---
    # Output ---------------------------------------------------------------------------------------------------------

    def remark(self, text: str) -> None:
        """Writes a remark below a result, on a terminal only."""
        if not self.interactive:
            return
        width = max(self.context.width - 2, 20)
        for line in textwrap.wrap(render.escaped(text), width, break_long_words=False, break_on_hyphens=False):
            sys.stdout.write(self.context.style.dim(f"  {line}") + "\n")
        sys.stdout.flush()

    def show_lines(
        self, lines: Iterable[str], stop: Callable[[], object] = lambda: None, *, is_wide: bool = False
    ) -> pager.Shown:
        """Writes lines to the terminal, as `pager.show` does."""
        shown = pager.show(lines, current_screen(self.context), self.pager, stop, is_wide=is_wide)
        self.reading_seconds += shown.seconds
        return shown

    def direct_to_screen(self) -> None:
        """Sends results to the screen from now on."""
        self.target.close()
        self.target = Target()

    def after_result(self) -> None:
        """Goes back to where results went before, after the one result of `once`."""
        if self.target.then is not None:
            then, self.target.then = self.target.then, None
            self.target.close()
            self.target = then

    def direct_to_file(self, file: IO[bytes], name: str) -> None:
        """Sends results to an open file from now on, which the session closes."""
        self.target.close()
        self.target = Target(file=file, name=name)

    def direct_to_program(self, words: list[str]) -> None:
        """Sends each result to a new process of a program from now on."""
        self.target.close()
        self.target = Target(program=words)

    def choose_format(self, form: str) -> None:
        """Writes results in this format from now on; `auto` lets the target decide."""
        self.context.chosen_format = form
        self.target.use_format_of_name(form == "auto")


class Target:
    """Where results go: the screen, a file or a program."""

    def __init__(self, file: IO[bytes] | None = None, name: str = "", program: list[str] | None = None) -> None:
        self._closing = contextlib.ExitStack()
        if file is not None:
            self._closing.callback(file.close)
            file = self._closing.enter_context(compressed(file, compression_of(name)))
        self.file = file
        self.name = name
        self.program = program or []
        """The program and its arguments; empty when results do not go to a program."""
        self.format = ""
        """The format of the file's ending, until another is chosen; empty when there is none."""
        self.is_full = False
        """Whether the file can hold one result, and has it."""
        self.then: Target | None = None
        """Where results go after the next one, when this target is for one result."""
        self.use_format_of_name(True)

    @property
    def is_screen(self) -> bool:
        """Whether results go to the screen."""
        return self.file is None and not self.program

    def use_format_of_name(self, used: bool) -> None:
        """Says whether the ending of the file decides the format."""
        self.format = ""
        if used:
            # Without a format, the ending was refused; with one, it may be any.
            with contextlib.suppress(InvalidArgument):
                self.format = file_format(self.name).name

    def kept(self) -> Target:
        """The same target, whose file stays open when this one is closed."""
        other = Target(name=self.name, program=self.program)
        other.file, self.file = self.file, None
        other._closing = self._closing.pop_all()
        other.format, other.is_full = self.format, self.is_full
        return other

    def close(self) -> None:
        """Closes the file."""
        self._closing.close()
        if self.then is not None and self.then.file is not self.file:
            self.then.close()

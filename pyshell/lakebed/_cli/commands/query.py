"""`lakebed query`: runs SQL and pipes, and writes results row by row as DuckDB finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lakebed._cli.environment.attached_stores import AttachedStores
from lakebed._cli.environment.duckdb_connection import connect
from lakebed._cli.environment.statement_input import given_statements
from lakebed._cli.language.statements import Statement, hinting_at_pipe_verbs, split
from lakebed._cli.pipes.execute import run_pipe
from lakebed._cli.results import execution
from lakebed._cli.results.output import TITLES, write_binary, write_result
from lakebed._cli.results.transactions import run_without_rows
from lakebed._file_formats import BINARY
from lakebed.duck.interrupt import interruptible
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.environment.context import Context
    from lakebed._cli.results.execution import Parsed

_NO_STATEMENT = 'There is no statement: try lakebed query "SELECT count(*) FROM events".'


def query(
    context: Context,
    sql: str | None,
    command: str | None,
    file: str | None,
    format: str | None,
    output: str | None,
    rows: int | None,
    database: str | None,
) -> int | None:
    """Runs all statements and writes the result of each that has one; the exit code of a pipe that failed."""
    if output is not None:
        context.allow_file(output)
    text = _given_text(sql, command, file)
    form = context.format(format, output)
    connection = connect(context, database)
    try:
        with context.naming_the_store():
            stores = AttachedStores(context, connection)
            stores.attach_main()
        with execution.translated_errors(), interruptible(connection), context.output(output, compress=True) as target:
            return _QueryCommand(
                context, connection, stores, form, target, rows, to_file=output is not None, keeps=database is not None
            ).run(text)
    finally:
        connection.close()


def _given_text(sql: str | None, command: str | None, file: str | None) -> str:
    given = [text for text in (sql, command) if text is not None]
    if len(given) + (file is not None) > 1:
        message = "Give the statements once: as an argument, with -c or with -f."
        raise InvalidArgument(message)
    text = given_statements(given[0] if given else None, file)
    if text is None:
        raise InvalidArgument(_NO_STATEMENT)
    return text


@dataclass
class _QueryCommand:
    """One `lakebed query`: the connection, and how and where results are written."""

    context: Context
    connection: duckdb.DuckDBPyConnection
    stores: AttachedStores
    form: str
    target: IO[bytes]
    rows: int | None
    """The most rows of a table; None for the setting, 0 for all."""
    to_file: bool
    keeps: bool
    """Whether there is a database file that keeps what statements create."""
    has_created: bool = False
    """Whether the last statement created something."""
    in_transaction: bool = False
    """Whether the user has begun a transaction."""
    results: int = 0
    """The number of results so far."""

    def run(self, text: str) -> int | None:
        statement = None
        for statement in split(text):
            if self.stores.prepare(statement):
                continue
            if statement.kind == "pipe":
                if code := run_pipe(self.context, self.connection, statement):
                    return code
                # The next statement sees what the pipe wrote.
                self.stores.refresh()
            else:
                self._run_sql(statement)
        if statement is None:
            raise InvalidArgument(_NO_STATEMENT)
        if self.has_created and not self.keeps:
            self.context.note("note: what the last statement created is gone now; --database FILE keeps it")
        return None

    def _run_sql(self, statement: Statement) -> None:
        with hinting_at_pipe_verbs(statement):
            for parsed in execution.parsed(self.connection, statement):
                if execution.returns_rows(parsed):
                    self._write_result(parsed)
                else:
                    run_without_rows(self.connection, parsed)
                self.has_created = parsed.type.name.startswith("CREATE")
                self.in_transaction = execution.in_transaction(parsed, self.in_transaction)

    def _write_result(self, parsed: Parsed) -> None:
        self.results += 1
        if self.form in BINARY:
            if self.results > 1:
                message = f"{TITLES[self.form]} holds one result: give one query."
                raise InvalidArgument(message)
            write_binary(self.connection, parsed, self.form, self.target)
            return
        screen = self.context.on_terminal and not self.to_file and self.form in ("table", "vertical")
        layout = self.context.text_layout(self.rows, to_file=self.to_file)
        # One row more than is shown, to know whether there are more.
        first = layout.rows + 1 if self.form == "table" and layout.rows else None
        result = execution.run(self.connection, parsed, self.form, first=first, screen=screen)
        if result is not None:
            if self.in_transaction:
                result = result._replace(rest=lambda _last: None)
            write_result(layout, self.form, result, self.target)

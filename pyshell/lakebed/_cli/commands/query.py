"""`lakebed query`: SQL in, results out, row by row as DuckDB finds them; pipes too."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import lakebed
from lakebed._cli import results
from lakebed._cli.commands.connecting import connect, show_store
from lakebed._cli.commands.context import Context, given_statements
from lakebed._cli.commands.output import write_parquet, write_result
from lakebed._cli.pipes.run import run
from lakebed._cli.pipes.split import minding_pipes, split
from lakebed.duck.interrupt import interruptible
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb


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
    """Runs every statement and writes the result of each that has one."""
    if output is not None:
        context.allow_file(output)
    text = _statements(sql, command, file)
    form = context.format(format, output)
    connection = connect(context, database)
    try:
        with context.naming_the_store():
            show_store(context, connection)
        with results.told(), interruptible(connection), context.output(output) as target:
            return _run(context, connection, text, form, target, rows, to_file=output is not None)
    finally:
        connection.close()


def _statements(sql: str | None, command: str | None, file: str | None) -> str:
    given = [text for text in (sql, command) if text is not None]
    if len(given) + (file is not None) > 1:
        message = "Give the statements once: as an argument, with -c or with -f."
        raise InvalidArgument(message)
    text = given_statements(given[0] if given else None, file)
    if text is None:
        message = 'There is no statement: try lakebed query "SELECT count(*) FROM events".'
        raise InvalidArgument(message)
    return text


def _run(
    context: Context,
    connection: duckdb.DuckDBPyConnection,
    text: str,
    form: str,
    target: IO[bytes],
    rows: int | None,
    *,
    to_file: bool,
) -> int | None:
    written = 0
    pieces = list(split(text))
    for piece in pieces:
        if piece.kind == "pipe":
            code = run(context, connection, piece)
            if code:
                return code
            # What a pipe wrote, the next statement sees.
            lakebed.refresh(connection)
            continue
        with minding_pipes(piece.sql):
            for statement in results.statements(connection, piece.sql):
                if not results.has_rows(statement):
                    connection.execute(statement)
                    continue
                written += 1
                if written > 1 and form == "parquet":
                    message = "A Parquet file holds one result: give one query."
                    raise InvalidArgument(message)
                if form == "parquet":
                    write_parquet(connection, statement, target)
                    continue
                screen = context.on_terminal and not to_file and form in ("table", "vertical")
                limit = context.settings.rows if rows is None else rows
                # One more than is shown tells whether there are more.
                first = limit + 1 if form == "table" and limit else None
                result = results.run(connection, statement, form, first=first, screen=screen)
                if result is not None:
                    write_result(context, form, result, target, limit=rows, to_file=to_file)
    if not pieces:
        message = 'There is no statement: try lakebed query "SELECT count(*) FROM events".'
        raise InvalidArgument(message)
    return None

"""Runs SQL in the shell, with or without a pipe, and shows the results."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebed._cli import render
from lakebed._cli.language.statements import Statement, hinting_at_pipe_verbs
from lakebed._cli.pipes.execute import run_pipe, verb_of
from lakebed._cli.pipes.program import encoded_lines, run_program
from lakebed._cli.results import execution
from lakebed._cli.results.output import TITLES, binary_pieces, write_result
from lakebed._cli.results.transactions import run_without_rows
from lakebed._cli.shell import display
from lakebed._cli.shell.display import Display
from lakebed._cli.shell.progress_line import ProgressLine
from lakebed._cli.shell.screen import Screen, current_screen
from lakebed._cli.shell.session import Session
from lakebed._cli.shell.signals import ENDING_SIGNALS
from lakebed._file_formats import BINARY
from lakebed.duck.interrupt import interruptible
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.render import Column, Row
    from lakebed._cli.results.execution import Parsed, Result


@contextlib.contextmanager
def running(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection to run statements on. While entered, signals interrupt them, and DuckDB's errors are those of the
    command line."""
    session.reconnect_to_new_store()
    connection = session.connection
    with execution.translated_errors(), interruptible(connection, (signal.SIGINT, *ENDING_SIGNALS)):
        yield connection


def run_sql(session: Session, statement: Statement) -> int | None:
    """Runs a statement of SQL or a pipe; the exit code of a pipe, if it has one.

    Raises `QueryFailed`, `KeyboardInterrupt` and what a verb raises.
    """
    with running(session) as connection:
        session.last_statement = statement.text
        session.keep_last(statement)
        if session.refresh(statement):
            session.remark("done")
            return None
        if statement.kind == "pipe":
            verb = verb_of(statement)
            session.uses_server = session.uses_server or verb.uses_server
            with ProgressLine(
                connection, shown=session.interactive and verb.is_silent
            ) as session.context.progress_line:
                code = run_pipe(session.context, connection, statement)
            session.refresh()
            return code
        with hinting_at_pipe_verbs(statement):
            for parsed in execution.parsed(connection, statement):
                _run_parsed(session, connection, parsed)
                session.in_transaction = execution.in_transaction(parsed, session.in_transaction)
    return None


def show_last_result(session: Session, query: str) -> None:
    """Runs a query and shows its whole result in the pager.

    Raises as `run_sql` does.
    """
    with running(session) as connection:
        began = time.monotonic()
        parsed = execution.parsed_query(connection, query)
        with ProgressLine(connection, shown=session.interactive) as line:
            result = execution.run(connection, parsed, "csv", screen=True)
            if result is not None:
                _show(session, display.whole_table(result, current_screen(session.context)), began, line)


def show_listing(session: Session, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Writes rows that a verb has found where results go, in the format of results: all of them, through the pager when
    they are longer than the screen."""
    result = execution.Result(list(columns), iter(rows), [one.is_number for one in columns], "SELECT")
    form = _format(session)
    with ProgressLine(None, shown=False) as line:
        if session.target.is_screen:
            screen = replace(current_screen(session.context), rows=0, everything="format vertical shows everything")
            shown = _displayed(result, "auto" if form in BINARY else form, session, screen)
            _show(session, shown, time.monotonic(), line)
        else:
            _send(session, result, "ndjson" if form in BINARY else form)


def _run_parsed(session: Session, connection: duckdb.DuckDBPyConnection, parsed: Any) -> None:
    began = time.monotonic()
    with ProgressLine(connection, shown=session.interactive) as line:
        if not execution.returns_rows(parsed):
            run_without_rows(connection, parsed)
            _done(session, began, line)
            _hint_at_database(session, parsed)
            return
        form = _format(session)
        if session.target.program:
            # The program may write to the screen.
            line.stop()
        if form in BINARY:
            _send_binary(session, parsed, form)
            line.stop()
            session.after_result()
            _remember(session, parsed)
            return
        to_screen = session.target.is_screen
        as_table = form in ("auto", "table")
        screen = current_screen(session.context)
        result = execution.run(
            connection,
            parsed,
            "table" if form == "auto" else form,
            # One row more than is shown, to know whether there are more.
            first=screen.first_rows + 1 if to_screen and as_table and screen.first_rows else None,
            screen=to_screen and form in ("auto", "table", "vertical"),
        )
        _remember(session, parsed)
        if result is None:
            _done(session, began, line)
        elif not to_screen:
            _send(session, result, form)
            line.stop()
            session.after_result()
        else:
            _show(session, _displayed(result, form, session, screen), began, line)


def _displayed(result: Result, form: str, session: Session, screen: Screen) -> Display:
    """The result as the screen shows it."""
    if form not in ("auto", "table"):
        return display.in_format(result, form, screen, headers=session.context.has_headers)
    if result.kind == "EXPLAIN":
        return Display(iter(render.printable("\n".join(row[-1] for row in result.rows)).splitlines()), lambda: "")
    return display.table(result, screen, records=form == "auto", totals=not session.in_transaction)


def _done(session: Session, began: float, line: ProgressLine) -> None:
    """Says that a statement without rows is done."""
    line.stop()
    if session.timing:
        session.remark(f"done, {duration(time.monotonic() - began)}")


def _hint_at_database(session: Session, parsed: Parsed) -> None:
    """Says once that what a statement has created is gone at the end."""
    if not session.has_own_database and not session.has_hinted and parsed.type.name.startswith("CREATE"):
        session.has_hinted = True
        session.remark("it is gone when the shell ends; `lakebed --database FILE` keeps what you create")


def _remember(session: Session, parsed: Parsed) -> None:
    if parsed.type.name == "SELECT":
        session.remember(parsed.query)


def _format(session: Session) -> str:
    """The format of results: that of the file's ending, else the one chosen, else the one for the target."""
    context, target = session.context, session.target
    chosen = context.chosen_format or context.settings.format
    # The ending of a file goes before a format chosen earlier, but .txt only before `auto`.
    if target.format and (chosen == "auto" or target.format != "table"):
        return target.format
    if chosen != "auto":
        return chosen
    if target.file is not None:
        return "table"
    return "auto" if context.on_terminal and not target.program else "ndjson"


def _show(session: Session, shown: Display, began: float, line: ProgressLine) -> None:
    """Writes a result to the screen, through the pager when it is longer, and the footer below it."""
    first = next(shown.lines, None)
    line.stop()
    stopped = ""
    if first is not None:
        read = session.show_lines(
            itertools.chain([first], shown.lines), session.connection.interrupt, is_wide=shown.is_wide
        )
        # The time in which somebody reads is not the statement's.
        began += read.seconds
        stopped = "stopped by Ctrl-C after " if read.is_stopped else ""
    footer = stopped + shown.footer()
    parts = [footer] if footer else []
    if not session.interactive and shown.is_cut:
        sys.stdout.write(session.context.style.dim(f"  {footer}") + "\n")
    if session.timing:
        parts.append(duration(time.monotonic() - began))
    if parts:
        session.remark(", ".join(parts))
    sys.stdout.flush()


def _send(session: Session, result: Result, form: str) -> None:
    """Writes a result to the file or the program that results go to."""
    target = session.target
    if target.program:
        screen = replace(current_screen(session.context), style=render.PLAIN, raw=True)
        headers = session.context.has_headers
        shown = (
            display.whole_table(result, screen)
            if form == "table"
            else display.in_format(result, form, screen, headers=headers)
        )
        run_program(target.program, encoded_lines(shown.lines))
        return
    assert target.file is not None
    write_result(session.context.text_layout(0, to_file=True), form, result, target.file)
    target.file.flush()
    session.remark(f"written to {target.name}")


def _send_binary(session: Session, parsed: Parsed, form: str) -> None:
    """Writes a result in a binary format to a program, a file or standard output.

    Raises `InvalidArgument` for a terminal, and for a second result in one file.
    """
    target = session.target
    if target.program:
        run_program(target.program, binary_pieces(session.connection, parsed, form))
        return
    if target.file is None and session.context.on_terminal:
        message = (
            f"{TITLES[form]} is binary, and this is a terminal: SELECT ... | write FILE.{form}, "
            f"or output FILE.{form} first."
        )
        raise InvalidArgument(message)
    name = target.name or "standard output"
    if target.is_full:
        message = f"{TITLES[form]} holds one result, and {name} has one: output another file."
        raise InvalidArgument(message)
    target.is_full = True
    sys.stdout.flush()
    stream = target.file or sys.stdout.buffer
    stream.writelines(binary_pieces(session.connection, parsed, form))
    stream.flush()
    if target.file is not None:
        session.remark(f"written to {name}")


def duration(seconds: float) -> str:
    """A duration for people: `120 ms`, `3.5 s`."""
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"

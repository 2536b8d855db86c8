"""Running SQL in the shell, with or without a pipe, and showing what comes of it."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebed._cli import render, results
from lakebed._cli.commands.output import WIDE, parquet, write_result
from lakebed._cli.pipes.sinks import encoded, feed
from lakebed._cli.pipes.split import Piece, minding_pipes, pipe_verb
from lakebed._cli.shell import answers, pager, statements
from lakebed._cli.shell.answers import Answer, Screen
from lakebed._cli.shell.progress import Progress
from lakebed._cli.shell.session import ENDING, Session, took
from lakebed.duck.interrupt import interruptible
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed._cli.results import Result


def ask(session: Session, piece: Piece) -> int | None:
    """Runs a statement of SQL, or a pipe."""
    session.renew()
    connection = session.connection
    with results.told(), interruptible(connection, (signal.SIGINT, *ENDING)):
        session.last_statement = piece.text
        session.keep_last(piece.sql)
        session.refresh()
        if piece.kind == "pipe":
            from lakebed._cli.pipes.run import run

            session.knows_server = session.knows_server or piece.verb in statements.SERVER_VERBS
            shown = session.interactive and pipe_verb(piece).is_quiet
            with Progress(connection, shown=shown) as session.context.running:
                code = run(session.context, connection, piece)
            session.refresh()
            return code
        with minding_pipes(piece.sql):
            for statement in results.statements(connection, piece.sql):
                _statement(session, statement)
    return None


def show_last(session: Session, sql: str) -> None:
    """Shows the result of a query whole, in the pager."""
    session.renew()
    connection = session.connection
    with results.told(), interruptible(connection, (signal.SIGINT, *ENDING)):
        began = time.monotonic()
        (statement,) = results.statements(connection, sql)
        with Progress(connection, shown=session.interactive) as progress:
            result = results.run(connection, statement, "csv", screen=True)
            if result is not None:
                _show(session, answers.whole_table(result, screen(session)), began, progress)


def screen(session: Session) -> Screen:
    """The screen as it is now: its size may have changed."""
    import shutil

    context = session.context
    size = shutil.get_terminal_size((120, 40))
    settings = context.settings
    if not session.interactive:
        # In a script nobody types anything.
        return Screen(
            size.columns if context.on_terminal else WIDE,
            1_000_000,
            settings.rows,
            settings.null,
            context.style,
            "format vertical shows everything",
        )
    return Screen(size.columns, size.lines, settings.rows, settings.null, context.style)


def _statement(session: Session, statement: Any) -> None:
    began = time.monotonic()
    connection = session.connection
    with Progress(connection, shown=session.interactive) as progress:
        if not results.has_rows(statement):
            connection.execute(statement)
            progress.stop()
            if session.timing:
                session.narrate(f"done, {took(time.monotonic() - began)}")
            return
        form = _format(session)
        if session.program:
            # The screen is the program's.
            progress.stop()
        if form == "parquet":
            _hand_on_parquet(session, statement)
            progress.stop()
            if statement.type.name == "SELECT":
                session.remember(statement.query)
            return
        to_screen = session.target is None and not session.program
        as_table = form in ("auto", "table")
        here = screen(session)
        first = here.first + 1 if to_screen and as_table and here.first else None
        result = results.run(
            connection,
            statement,
            "table" if form == "auto" else form,
            first=first,
            screen=to_screen and form in ("auto", "table", "vertical"),
        )
        if statement.type.name == "SELECT":
            session.remember(statement.query)
        if result is None:
            progress.stop()
            if session.timing:
                session.narrate(f"done, {took(time.monotonic() - began)}")
            return
        if not to_screen:
            _hand_on(session, result, form)
            progress.stop()
        elif result.kind == "EXPLAIN" and as_table:
            _show(
                session,
                Answer(iter("\n".join(row[-1] for row in result.rows).splitlines()), lambda: ""),
                began,
                progress,
            )
        elif as_table:
            answer = answers.table(result, here, records=form == "auto")
            _show(session, answer, began, progress)
        else:
            _show(session, answers.written(result, form, here), began, progress)


def _format(session: Session) -> str:
    """The format of results: what was chosen, else what suits where they go."""
    context = session.context
    chosen = context.chosen or context.settings.format
    if session.target_format and (chosen == "auto" or session.target_format != "table"):
        # The ending of a file says more than what was chosen before it; that of a text says little.
        return session.target_format
    if chosen != "auto":
        return chosen
    if session.target is not None:
        return "table"
    return "auto" if context.on_terminal and not session.program else "ndjson"


def _show(session: Session, answer: Answer, began: float, progress: Progress) -> None:
    """Writes an answer to the screen, or through the pager when it is longer."""
    first = next(answer.lines, None)
    progress.stop()
    if first is not None:
        pager.show(
            itertools.chain([first], answer.lines),
            screen(session),
            session.pager,
            session.connection.interrupt,
            is_wide=answer.is_wide,
        )
    told = [answer.footer()] if answer.footer() else []
    if not session.interactive and answer.is_cut:
        sys.stdout.write(session.context.style.dim(f"  {told[0]}") + "\n")
    if session.timing:
        told.append(took(time.monotonic() - began))
    if told:
        session.narrate(", ".join(told))
    sys.stdout.flush()


def _hand_on(session: Session, result: Result, form: str) -> None:
    """Writes a result to the file or the program that results go to."""
    if session.program:
        plain = replace(screen(session), style=render.PLAIN)
        answer = answers.whole_table(result, plain) if form == "table" else answers.written(result, form, plain)
        feed(session.program, encoded(answer.lines))
        return
    assert session.target is not None
    write_result(session.context, form, result, session.target, limit=0, to_file=True)
    session.target.flush()
    session.narrate(f"written to {session.target_name}")


def _hand_on_parquet(session: Session, statement: Any) -> None:
    """Writes a result as Parquet, of which a file holds one, and a terminal none."""
    if session.program:
        feed(session.program, parquet(session.connection, statement))
        return
    if session.target is None and session.context.on_terminal:
        message = (
            "Parquet is binary, and this is a terminal: SELECT ... | write FILE.parquet, or output FILE.parquet first."
        )
        raise InvalidArgument(message)
    name = session.target_name or "standard output"
    if session.target_is_full:
        message = f"A Parquet file holds one result, and {name} has one: output another file."
        raise InvalidArgument(message)
    session.target_is_full = True
    sys.stdout.flush()
    target = session.target or sys.stdout.buffer
    target.writelines(parquet(session.connection, statement))
    target.flush()
    if session.target is not None:
        session.narrate(f"written to {name}")

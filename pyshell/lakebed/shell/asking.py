"""Running SQL in the shell, with or without a pipe, and showing what comes of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebed import results
from lakebed.commands.output import FORMAT_BY_SUFFIX, write_result
from lakebed.duck.interrupt import interruptible
from lakebed.pipes.split import Piece, pipe_verb
from lakebed.shell import answers, pager, statements
from lakebed.shell.answers import Answer, Screen
from lakebed.shell.progress import Progress
from lakebed.shell.session import Session, took

if TYPE_CHECKING:
    from lakebed.results import Result


def ask(session: Session, piece: Piece) -> int | None:
    """Runs a statement of SQL, or a pipe."""
    connection = session.connection
    with results.told(), interruptible(connection):
        session.last_statement = piece.text
        session.keep_last(piece.sql)
        session.refresh()
        if piece.kind == "pipe":
            from lakebed.pipes.run import run

            session.knows_server = session.knows_server or piece.verb in statements.SERVER_VERBS
            shown = session.interactive and pipe_verb(piece).is_quiet
            with Progress(connection, shown=shown) as session.context.running:
                code = run(session.context, connection, piece)
            session.refresh()
            return code
        for statement in connection.extract_statements(piece.sql):
            _statement(session, statement)
    return None


def show_last(session: Session, sql: str) -> None:
    """Shows the result of a query whole, in the pager."""
    connection = session.connection
    with results.told(), interruptible(connection):
        began = time.monotonic()
        (statement,) = connection.extract_statements(sql)
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
        return Screen(
            size.columns if context.on_terminal else 1_000_000, 1_000_000, settings.rows, settings.null, context.style
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
    chosen = session.context.chosen or session.context.settings.format
    if chosen == "parquet":
        chosen = "auto"
    if chosen != "auto":
        return chosen
    if session.program:
        return "ndjson"
    if session.target is not None:
        return FORMAT_BY_SUFFIX.get(Path(session.target_name).suffix.lower(), "table")
    return "auto" if session.context.on_terminal else "ndjson"


def _show(session: Session, answer: Answer, began: float, progress: Progress) -> None:
    """Writes an answer to the screen, or through the pager when it is longer."""
    first = next(answer.lines, None)
    progress.stop()
    if first is not None:
        pager.show(
            _chained(first, answer), screen(session).height - 2, session.pager, session.connection.interrupt
        )  # fmt: skip
    told = [answer.footer()] if answer.footer() else []
    if session.timing:
        told.append(took(time.monotonic() - began))
    if told:
        session.narrate(", ".join(told))
    sys.stdout.flush()


def _chained(first: str, answer: Answer) -> Any:
    yield first
    yield from answer.lines


def _hand_on(session: Session, result: Result, form: str) -> None:
    """Writes a result to the file or the program that results go to."""
    if session.program:
        from lakebed.pipes.sinks import feed

        feed(session.program, answers.written(result, "ndjson", screen(session)).lines)
        return
    assert session.target is not None
    write_result(session.context, form, result, session.target, limit=0, to_file=True)
    session.target.flush()
    session.narrate(f"written to {session.target_name}")

"""Runs the statements of a text in a shell: SQL, pipes, verbs and dot-commands.

Everything runs in the main thread, where Ctrl-C arrives. A statement that fails, for whatever reason, is a message and
an exit code.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from lakebed._cli.environment.arguments import parse_words, word_command
from lakebed._cli.environment.store_guard import is_own
from lakebed._cli.language.statements import Statement, sql_statement
from lakebed._cli.messages.error_output import interruption_message, print_error, report_failure
from lakebed._cli.shell import dot_commands, statements, tables
from lakebed._cli.shell.progress_line import ProgressLine
from lakebed._cli.shell.session import Leave, Session
from lakebed._cli.shell.sql import duration, run_sql, running
from lakebed._cli.verbs import Verb, find_in_shell
from lakebed._sql_text import quoted
from lakebed.duck.attachment import SYSTEM_NAMES
from lakebed.errors import InvalidArgument


def run_text(session: Session, text: str) -> int:
    """Runs the statements of a text up to the first that fails; its exit code, else 0.

    Raises `Leave` when a statement leaves the shell.
    """
    return run(session, statements.split_text(text))


def run(session: Session, found: Iterable[Statement]) -> int:
    """Runs statements up to the first that fails; its exit code, else 0.

    Raises `Leave` when a statement leaves the shell, `SystemExit` when a signal ends it.
    """
    for statement in found:
        if code := _run_contained(session, statement):
            return code
    return 0


def _run_contained(session: Session, statement: Statement) -> int:
    """Runs a statement; its exit code. Every failure is a message."""
    began = time.monotonic() - session.reading_seconds
    try:
        code = _run(session, statement) or 0
    except (Leave, SystemExit):
        raise
    except BrokenPipeError:
        if not session.interactive:
            raise
        return 0
    except BaseException as problem:
        # A crash of one statement does not end the shell. A panic of the engine is no subclass of Exception.
        if session.ended_by is not None:
            # A signal came while the statement ran, and what its handler raised may have been lost there.
            raise SystemExit(128 + session.ended_by) from problem
        if isinstance(problem, KeyboardInterrupt):
            print_error(interruption_message(problem))
            return 130
        return report_failure(problem)
    seconds = time.monotonic() - session.reading_seconds - began
    # SQL shows its time itself, and so does the statement that a dot-command stands for.
    if session.timing and code == 0 and statement.kind in ("verb", "pipe") and seconds >= 0.1:
        session.remark(duration(seconds))
    return code


def _run(session: Session, statement: Statement) -> int | None:
    """Runs a statement; its exit code, if it has one."""
    if statement.kind == "dot":
        command = dot_commands.found(statement.verb)
        if command is None:
            raise InvalidArgument(dot_commands.unknown_command_message(statement.verb))
        return run_text(session, command.translate([word.text for word in statement.words]) + ";")
    if statement.kind == "verb":
        return _run_verb(session, statement)
    if statement.kind == "sql" and statements.is_misspelt_verb(statement):
        raise InvalidArgument(statements.unknown_verb_message(statement.text))
    return run_sql(session, statement)


def _run_verb(session: Session, statement: Statement) -> int | None:
    verb = find_in_shell(statement.verb)
    assert verb is not None, statement
    if not all(word.closed for word in statement.words):
        message = f"A quote after {statement.verb!r} is not closed."
        raise InvalidArgument(message)
    arguments = parse_words(word_command(verb), statement.words)
    if arguments is None:
        return None
    session.uses_server = session.uses_server or verb.uses_server
    function = verb.load()
    result: int | None
    if verb.name == "describe":
        name = arguments["collection"]
        collection = _collection(session, name)
        if collection is None:
            return run_sql(session, sql_statement(f"DESCRIBE {'.'.join(map(quoted, name.split('.')))}"))
        arguments["collection"] = collection
        if not (arguments["json"] or arguments["format"] or arguments["rows"] is not None):
            tables.describe(session, collection)
            return None
    if verb.kind == "shell":
        result = function(session, **arguments)
        return result
    context = session.context
    context.time_zone = session.time_zone()
    if verb.changes_store:
        context.allow_change(f"`{verb.name}`")
    context.json = bool(arguments.pop("json", False))
    _check_files(session, verb, arguments)
    try:
        with ProgressLine(None, shown=session.interactive and verb.is_silent) as context.progress_line:
            result = function(context, **arguments)
            sys.stdout.flush()
    finally:
        context.json = False
    return result


def _collection(session: Session, name: str) -> str | None:
    """The collection that is meant by a name, whatever its case; None where it is another table, whose columns DuckDB
    knows."""
    with running(session):
        session.refresh()
        if session.store is None:
            return name
        names = session.store.view_names()
        if name in names:
            return name
        if "." in name or name.casefold() in SYSTEM_NAMES or is_own(session.connection, name):
            return None
    return next((one for one in names if one.casefold() == name.casefold()), name)


def _check_files(session: Session, verb: Verb, arguments: dict[str, Any]) -> None:
    """Raises `InvalidArgument` under `--safe` when a verb would read or write a file."""
    for argument in verb.arguments:
        if argument.kind == "file" and arguments.get(argument.name):
            value = arguments[argument.name]
            for file in value if isinstance(value, tuple) else (value,):
                session.context.allow_file(str(file))

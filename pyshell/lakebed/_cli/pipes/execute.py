"""Runs a pipe: its words become arguments, and its verb gets the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebed._cli.environment.arguments import parse_words, word_command
from lakebed._cli.pipes.rows import PipedRows
from lakebed._cli.verbs import Verb, find_pipe
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.environment.context import Context
    from lakebed._cli.language.statements import Statement


def verb_of(statement: Statement) -> Verb:
    """The verb of a pipe."""
    verb = find_pipe(statement.verb)
    assert verb is not None, statement
    return verb


def run_pipe(context: Context, connection: duckdb.DuckDBPyConnection, statement: Statement) -> int | None:
    """Runs a statement of kind `pipe`; the exit code of its verb, if it has one.

    Raises `InvalidArgument` for wrong words and for what `--safe` forbids, `duckdb.Error` when the query fails.
    """
    verb = verb_of(statement)
    if statement.ambiguous:
        context.note(
            f"note: `| {verb.name}` was read as a pipe; for the operator |, write "
            f'"{verb.name}" in quotes or the expression in parentheses'
        )
    if verb.runs_programs and context.safe:
        message = f"`| {verb.name}` runs programs, which --safe forbids."
        raise InvalidArgument(message)
    if verb.changes_store:
        context.allow_change(f"`| {verb.name}`")
    if any(not word.closed for word in statement.words):
        message = f"A quote after `| {verb.name}` is not closed."
        raise InvalidArgument(message)
    arguments = _arguments(verb, statement)
    if arguments is None:
        return None
    for argument in verb.arguments:
        if argument.kind == "file" and arguments.get(argument.name) is not None:
            context.allow_file(str(arguments[argument.name]))
    result: int | None = verb.load()(context, PipedRows(connection, statement), **arguments)
    return result


def _arguments(verb: Verb, statement: Statement) -> dict[str, Any] | None:
    """The arguments by name; None after `--help`."""
    if verb.takes_raw_words:
        return {"words": [word.text for word in statement.words]}
    return parse_words(word_command(verb), statement.words)

"""Running a pipe: its words become arguments, and its verb gets the rows."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lakebed._cli.parsing import VerbCommand, parse
from lakebed._cli.pipes.rows import Rows
from lakebed._cli.pipes.split import Piece, pipe_verb
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.commands import Context


def run(context: Context, connection: duckdb.DuckDBPyConnection, piece: Piece) -> int | None:
    """Runs a piece of kind `pipe`; an exit code or nothing."""
    verb = pipe_verb(piece)
    reading = f"`| {verb.name}` was read as a pipe"
    if piece.ambiguous:
        context.note(
            f'note: {reading}; for the operator |, write "{verb.name}" in quotes or the expression in parentheses'
        )
    if verb.runs_programs and context.safe:
        message = f"`| {verb.name}` runs programs, which --safe forbids."
        raise InvalidArgument(message)
    if any(not word.closed for word in piece.words):
        message = f"A quote after `| {verb.name}` is not closed."
        raise InvalidArgument(message)
    if verb.raw:
        arguments = {"words": [word.text for word in piece.words]}
    else:
        parsed = parse(VerbCommand(verb), piece.words)
        if parsed is None:
            return None
        arguments = parsed
    for argument in verb.arguments:
        if argument.kind == "file" and arguments.get(argument.name) is not None:
            context.allow_file(str(arguments[argument.name]))
    module, _, function = verb.run.partition(":")
    rows = Rows(connection, piece.sql)
    result: int | None = getattr(importlib.import_module(module), function)(context, rows, **arguments)
    return result

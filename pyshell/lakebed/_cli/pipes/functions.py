"""The functions of the pipe verbs `write`, `into` and `!`."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebed._cli import render
from lakebed._cli.pipes.program import encoded_lines, run_program
from lakebed._cli.results.output import CHART_WIDTH, charted, write_binary, write_result
from lakebed._file_formats import BINARY, endings, file_format
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context
    from lakebed._cli.pipes.rows import PipedRows


class _Counted:
    """An iterable that counts the items that are taken from it."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.count += 1
            yield item


def write(context: Context, rows: PipedRows, file: str, format: str | None, force: bool) -> int | None:
    """Writes the rows to a file, in the format of `--format`, else of its ending; 1 when a file is there that shall
    stay.

    Raises `InvalidArgument` when neither says a format, and for a file that is there when nobody can be asked;
    `StoreIOError` when the file cannot be written.
    """
    form = file_format(file, format).name
    if not form:
        message = f"The name of {file} says no format: end it in one of {endings()}, or use --format."
        raise InvalidArgument(message)
    if not force and Path(file).is_file():
        if not context.can_ask:
            message = f"{file} is there already: give --force to replace it, or another name."
            raise InvalidArgument(message)
        if not context.confirm(f"Replace {file}?"):
            context.note("Nothing was written.")
            return 1
    if form in BINARY:
        with context.output(file) as target:
            write_binary(rows.connection, rows.parsed, form, target)
        context.note(f"wrote {file}")
        return None
    result = rows.result(form)
    counted = _Counted(result.rows)
    with context.output(file, compress=True) as target:
        write_result(context.text_layout(0, to_file=True), form, result._replace(rows=iter(counted)), target)
    context.note(f"wrote {render.count(counted.count, 'row')} to {file}")
    return None


def into(context: Context, rows: PipedRows, collection: str) -> None:
    """Appends each row as a JSON object to a collection, all in one commit."""
    objects = rows.objects(stored=True)
    with context.open("a") as store:
        added = store.append(collection, objects)
    known = f", {added.duplicates:,} of them known before" if added.duplicates else ""
    context.note(f"appended {render.count(added.rows, 'row')} to {collection}{known}")


def chart(context: Context, rows: PipedRows, kind: str | None, height: int) -> None:
    """Draws the rows.

    Raises `InvalidArgument` when they do not fit a chart.
    """
    layout = context.text_layout(0)
    result = rows.result("csv")
    for line in charted(
        result.columns, result.rows, layout.width or CHART_WIDTH, layout.null, layout.style, kind=kind, height=height
    ):
        context.say(line, styled=True)


_MOST_COPIED = 74_994
"""Bytes that terminals take for the clipboard at a time."""


def clip(context: Context, rows: PipedRows, format: str | None) -> None:
    """Copies the rows to the terminal's clipboard, with the sequence OSC 52.

    Raises `InvalidArgument` without a terminal, and for more than terminals take.
    """
    result = rows.result(format or "csv")
    counted = _Counted(result.rows)
    if format is None:
        lines = ("\t".join("" if value is None else _TAB.sub(" ", value) for value in row) for row in counted)
        data = ("\n".join(("\t".join(column.name for column in result.columns), *lines)) + "\n").encode()
    else:
        target = io.BytesIO()
        write_result(context.text_layout(0, to_file=True), format, result._replace(rows=iter(counted)), target)
        data = target.getvalue()
    if len(data) > _MOST_COPIED:
        message = (
            f"{len(data):,} bytes are more than a clipboard takes from a program ({_MOST_COPIED:,}): copy fewer rows."
        )
        raise InvalidArgument(message)
    try:
        with open("/dev/tty", "wb", buffering=0) as terminal:  # noqa: PTH123
            terminal.write(b"\x1b]52;c;" + base64.b64encode(data) + b"\x07")
    except OSError as problem:
        message = "`| clip` needs a terminal, whose clipboard it is: use | write FILE."
        raise InvalidArgument(message) from problem
    context.note(f"copied {render.count(counted.count, 'row')}, if the terminal allows it")


_TAB = re.compile(r"[\t\r\n]+")


def program(_context: Context, rows: PipedRows, words: list[str]) -> None:
    """Runs a program with the rows as NDJSON on its standard input.

    Raises `InvalidArgument` without a program, and as `run_program` does.
    """
    if not words:
        message = "`| !` needs a program: SELECT ... | ! jq -c ."
        raise InvalidArgument(message)
    run_program(words, encoded_lines(rows.objects()))

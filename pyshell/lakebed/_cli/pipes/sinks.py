"""The pipe verbs `write`, `into` and `!`."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lakebed._cli import render
from lakebed._cli.commands.output import FORMAT_BY_SUFFIX, write_parquet, write_result
from lakebed.duck.interrupt import check
from lakebed.errors import InvalidArgument, error

if TYPE_CHECKING:
    from lakebed._cli.commands import Context
    from lakebed._cli.pipes.rows import Rows


class Counted:
    """An iterator that counts."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.count += 1
            yield item


def write(context: Context, rows: Rows, file: str, format: str | None) -> None:
    """Writes the rows to a file, in the format that its ending or `--format` says."""
    form = format or FORMAT_BY_SUFFIX.get(Path(file).suffix.lower())
    if form is None:
        endings = " ".join(sorted(FORMAT_BY_SUFFIX))
        message = f"The ending of {file} says no format: use one of {endings}, or --format."
        raise InvalidArgument(message)
    if form == "parquet":
        with context.output(file) as target:
            write_parquet(rows.connection, rows.statement, target)
        context.note(f"wrote {file}")
        return
    result = rows.result(form)
    counted = Counted(result.rows)
    with context.output(file) as target:
        write_result(context, form, result._replace(rows=iter(counted)), target, limit=0, to_file=True)
    context.note(f"wrote {render.count(counted.count, 'row')} to {file}")


def into(context: Context, rows: Rows, collection: str) -> None:
    """Appends each row as a JSON object to a collection, all in one commit."""
    objects = rows.objects()
    with context.open("a") as store:
        added = store.append(collection, objects)
    known = f", {added.duplicates:,} of them known before" if added.duplicates else ""
    context.note(f"appended {render.count(added.rows, 'row')} to {collection}{known}")


def program(_context: Context, rows: Rows, words: list[str]) -> None:
    """Runs a program with the rows as NDJSON on its standard input; an error when it fails."""
    if not words:
        message = "`| !` needs a program: SELECT ... | ! jq -c ."
        raise InvalidArgument(message)
    feed(words, encoded(rows.objects()))


def encoded(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines of text as a program reads them."""
    return (line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)


def feed(words: list[str], pieces: Iterable[bytes]) -> None:
    """Runs a program with these bytes on its standard input."""
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE)
    except OSError as problem:
        message = f"The program {words[0]} cannot be run: {problem.strerror or problem}. No shell reads the line: name a program."
        raise error("io", message, problem.errno) from problem
    assert process.stdin is not None
    try:
        # A program that has seen enough closes its input.
        with contextlib.suppress(BrokenPipeError):
            _write(process.stdin, pieces)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        code = _ended(process)
    except BaseException:
        _end(process)
        raise
    if code:
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        message = f"The program {words[0]} {ended}."
        raise ProgramFailed(message)


_PATIENCE = 0.1
"""Seconds until a Ctrl-C is looked for while a program is waited for."""


def _write(pipe: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Writes to a program, which may take its time."""
    if os.name != "posix":
        pipe.writelines(pieces)
        return
    number = pipe.fileno()
    os.set_blocking(number, False)
    for piece in _gathered(pieces):
        left = memoryview(piece)
        while left:
            if not select.select([], [number], [], _PATIENCE)[1]:
                check()
                continue
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(number, left) :]


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in fewer and larger ones."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _AT_ONCE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


_AT_ONCE = 1 << 14


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Waits for a program's end; its exit code."""
    while True:
        try:
            return process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            check()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program that nobody waits for any more: asked first, and made to when it does not listen."""
    process.terminate()
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # What it has not read goes nowhere now.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()  # type: ignore[union-attr]


class ProgramFailed(Exception):
    """A program that rows were piped to did not end well."""

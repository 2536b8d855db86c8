"""Runs a program with data on its standard input."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterable, Iterator
from typing import IO

from lakebed._cli.messages.error_output import CommandFailed
from lakebed.duck.interrupt import raise_if_interrupted
from lakebed.errors import error


class ProgramFailed(CommandFailed):
    """A program that was started ended with an error."""


def encoded_lines(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines of text as bytes, each with a line break."""
    return (line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)


def run_program(words: list[str], pieces: Iterable[bytes]) -> None:
    """Runs a program with these bytes on its standard input, and waits for its end.

    The program may close its input before it has read everything.

    Raises `StoreIOError` when the program cannot be started, `ProgramFailed` when its exit code is not 0,
    `KeyboardInterrupt` after a Ctrl-C, when the program has been ended.
    """
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE)
    except OSError as problem:
        message = f"The program {words[0]} cannot be run: {problem.strerror or problem}. No shell reads the line: name a program."
        raise error("io", message, problem.errno) from problem
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            _write(process.stdin, pieces)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        code = _wait(process)
    except BaseException:
        _terminate(process)
        raise
    if code:
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        message = f"The program {words[0]} {ended}."
        raise ProgramFailed(message)


_POLL_SECONDS = 0.1
"""How often Ctrl-C is checked for while a program is waited for."""


def _write(pipe: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Writes to a program, and checks for Ctrl-C while the program does not read."""
    if os.name != "posix":
        pipe.writelines(pieces)
        return
    number = pipe.fileno()
    os.set_blocking(number, False)
    for piece in _gathered(pieces):
        left = memoryview(piece)
        while left:
            if not select.select([], [number], [], _POLL_SECONDS)[1]:
                raise_if_interrupted()
                continue
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(number, left) :]


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer, larger pieces."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _WRITE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


_WRITE_BYTES = 1 << 14
"""The least bytes of a write to a program, the last apart."""


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Waits for a program's end, and checks for Ctrl-C; its exit code."""
    while True:
        try:
            return process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            raise_if_interrupted()


def _terminate(process: subprocess.Popen[bytes]) -> None:
    """Ends a program: with SIGTERM and, when that has no effect within half a second, with SIGKILL."""
    process.terminate()
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # Closing may write what is still buffered.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()  # type: ignore[union-attr]

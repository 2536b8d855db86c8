"""Statements that are given on the command line, in a file, or on standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from lakebed._cli.messages.file_errors import unreadable
from lakebed.errors import InvalidArgument


def read_statements(path: Path, shown: str) -> str:
    """The text of a file of statements, which errors call `shown`.

    Raises `StoreIOError` when the file cannot be read, `InvalidArgument` when it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise unreadable(shown, problem) from problem
    except UnicodeDecodeError as problem:
        message = f"{shown} is not UTF-8 text: {problem.reason} at byte {problem.start}."
        raise InvalidArgument(message) from problem


def given_statements(text: str | None, file: str | None) -> str | None:
    """The statements that are given: as text, in a file, or on standard input when that is not a terminal or `file` is
    `-`.

    None when there are none. Raises as `read_statements` does.
    """
    if text is not None:
        return _checked_utf8(text, "The statements are")
    if file is not None and file != "-":
        return read_statements(Path(file), file)
    if file is not None or not sys.stdin.isatty():
        return _checked_utf8(sys.stdin.read(), "Standard input is")
    return None


def _checked_utf8(text: str, subject: str) -> str:
    """The text, unless it holds bytes that are not UTF-8, which are surrogates in it."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        message = f"{subject} not UTF-8 text: character {problem.start + 1:,} is the byte 0x{ord(text[problem.start]) & 0xFF:02x}."
        raise InvalidArgument(message) from problem
    return text

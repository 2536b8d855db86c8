"""The lines of a chunk: records, and lines that are not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from lakebed.pure.ingest.chunks import KEPT_OF_OVERLONG_LINE, Chunk
from lakebed.pure.json.syntax import MAX_LENGTH, JsonError, is_unfinished
from lakebed.pure.json.values import Record, record

__all__ = ["LISTED", "BadLine", "Parsed", "Rules", "parsed"]

LISTED = 20
"""How many bad lines are listed, of a chunk and in a report."""

_LEAST_MEMORY = 9 << 17
_BLANKS = b" \t\n\x0c\r"
_WORDS = re.compile(rb'("(?:[^"\\]|\\.)*"?)|(-Infinity|Infinity|NaN)', re.DOTALL)


class Rules(NamedTuple):
    """How lines are judged."""

    on_error: str
    nan: str | None
    leave_unfinished: bool
    """Whether a last line without an end may be half written, and is then left for the next ingest."""


class BadLine(NamedTuple):
    """A line that is not an acceptable record."""

    number: int
    """In its chunk, from 0."""
    text: bytes
    """The bytes that are kept of it."""
    length: int
    """Bytes of the whole line."""
    column: int
    """The byte that is wrong, from 1."""
    reason: str


@dataclass
class Parsed:
    """A chunk, split into lines."""

    chunk: Chunk
    records: list[bytes] = field(default_factory=list)
    """The good lines, in order."""
    values: list[Record] = field(default_factory=list)
    """What each of them says. `forget_values` lets them go: they take ten times the memory of the lines."""
    numbers: list[int] = field(default_factory=list)
    """The number of each in the chunk, from 0."""
    starts: list[int] = field(default_factory=list)
    """The offset of each in the content."""
    bad: list[BadLine] = field(default_factory=list)
    """Bad lines: all of them for a quarantine, otherwise the first ones."""
    bad_count: int = 0
    line_count: int = 0
    """All lines, blank and bad ones included."""
    replaced: int = 0
    """Good lines in which NaN or an infinity was replaced."""
    unfinished: int | None = None
    """The bytes of a half-written last line, which is not one of the lines."""

    def checked(self) -> list[Record]:
        """What each good line says."""
        return self.values or [record(data) for data in self.records]

    def forget_values(self) -> None:
        """Lets the values go until they are needed."""
        self.values = []

    @property
    def memory(self) -> int:
        """About how many bytes it holds, as the engine in Rust counts them: both hold equally much for samples."""
        return max(_LEAST_MEMORY, self.chunk.end.content - self.chunk.offset) + 40 * len(self.records)


def parsed(chunk: Chunk, rules: Rules) -> Parsed:
    """Splits a chunk into lines. Where bad lines end an ingest it stops after the first."""
    found = Parsed(chunk)
    if chunk.overlong is not None:
        kept = chunk.lines[:KEPT_OF_OVERLONG_LINE]
        found.bad.append(BadLine(0, kept, chunk.overlong, MAX_LENGTH + 1, "the line is longer than 256 MiB"))
        found.bad_count = found.line_count = 1
        return found
    lines = chunk.lines
    if rules.leave_unfinished and chunk.unterminated and _is_half_a_line(lines):
        found.unfinished = len(lines)
        return found
    offset = chunk.offset + chunk.begins
    pieces = lines.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    for number, piece in enumerate(pieces):
        start = offset
        offset += len(piece) + 1
        found.line_count += 1
        line = piece.removesuffix(b"\r")
        if not line or (line[:1] in b" \t\r" and not line.strip(_BLANKS)):
            continue
        try:
            value = record(line)
        except JsonError as error:
            other = _without_words(line, rules.nan)
            if other is None:
                _add_bad(found, number, line, error, rules.on_error)
                if rules.on_error == "abort":
                    break
                continue
            line, value = other
            found.replaced += 1
        found.records.append(line)
        found.values.append(value)
        found.numbers.append(number)
        found.starts.append(start)
    # From here on only its records count.
    chunk.lines = b""
    return found


def _is_half_a_line(content: bytes) -> bool:
    """Whether the content is one line, which lacks an end, and the beginning of a record."""
    if b"\n" in content or not content.strip(_BLANKS):
        return False
    try:
        record(content)
    except JsonError as error:
        return is_unfinished(content, error)
    return False


def _without_words(line: bytes, nan: str | None) -> tuple[bytes, Record] | None:
    """The line with other values in the place of NaN and infinities, if that is asked for and makes it good."""
    if nan is None:
        return None
    found = 0

    def other(match: re.Match[bytes]) -> bytes:
        nonlocal found
        if match[2] is None:
            return match[1]
        found += 1
        return b"null" if nan == "null" else b'"' + match[2] + b'"'

    text = _WORDS.sub(other, line)
    if not found:
        return None
    try:
        return text, record(text)
    except JsonError:
        return None


def _add_bad(found: Parsed, number: int, line: bytes, error: JsonError, on_error: str) -> None:
    found.bad_count += 1
    if on_error != "quarantine" and len(found.bad) >= LISTED:
        return
    # A line longer than the limit that was read whole is cut like one that was not.
    kept = line[:KEPT_OF_OVERLONG_LINE] if len(line) > MAX_LENGTH else line
    found.bad.append(BadLine(number, kept, len(line), error.column, error.reason))

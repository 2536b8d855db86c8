"""DuckDB's tokens of a text, with places in characters, the same from every version of DuckDB. Pure, but for DuckDB's
tokenizer.

DuckDB 1.x gives no tokens for comments, and none from an unclosed quote or comment on: they are added here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


class Token(NamedTuple):
    """A token of SQL."""

    start: int
    end: int
    """The place in the text, in characters, without white space."""
    kind: str
    """`keyword`, `identifier`, `string_const`, `numeric_const`, `operator`, `comment`."""


def tokens(text: str, start: int = 0, stop: int | None = None) -> Iterator[Token]:
    """The tokens of `text[start:stop]`. Their places are in `text`."""
    from lakebed._duckdb import duckdb

    part = text[start:stop]
    if not part.isascii():
        # Bytes that are not UTF-8 arrive as surrogates, which DuckDB refuses.
        part = part.encode("utf-8", "replace").decode()
    found = [(offset, kind.name) for offset, kind in duckdb.tokenize(part)]
    at = _characters(part, [offset for offset, _ in found])
    ends = [*at[1:], len(part)] if at else []
    complete = _tokenizes_all()
    if not complete:
        yield from _between(part, start, 0, at[0] if at else len(part))
    for begin, end, (_, kind) in zip(at, ends, found, strict=True):
        if complete:
            yield Token(start + begin, start + begin + len(part[begin:end].rstrip()), kind)
            continue
        own = _OWN[kind].match(part, begin, end)
        close = own.end() if own is not None and own.end() > begin else begin + len(part[begin:end].rstrip())
        yield Token(start + begin, start + close, kind)
        yield from _between(part, start, close, end)


def _characters(text: str, offsets: list[int]) -> list[int]:
    """The character offsets of ascending byte offsets."""
    if text.isascii():
        return offsets
    data = text.encode()
    found: list[int] = []
    last = characters = 0
    for offset in offsets:
        characters += len(data[last:offset].decode())
        last = offset
        found.append(characters)
    return found


@cache
def _tokenizes_all() -> bool:
    """Whether this DuckDB gives tokens for comments and unclosed quotes."""
    from lakebed._duckdb import duckdb

    return len(duckdb.tokenize("a -- b")) == 2 and len(duckdb.tokenize("a 'b")) == 2


_QUOTED = r"'(?:[^']|'')*'"
_ESCAPED = r"[eE]'(?:[^'\\]|''|\\.)*'"
_DOLLARS = r"(\$\w*\$).*?\1"
_WORD = r"(?:[^\W\d]|[$])[\w$]*"
_OWN = {
    "keyword": re.compile(_WORD),
    "identifier": re.compile(rf'[uU]?&?"(?:[^"]|"")*"|{_WORD}'),
    "string_const": re.compile(rf"{_ESCAPED}|{_DOLLARS}|[a-zA-Z]?&?{_QUOTED}", re.DOTALL),
    "numeric_const": re.compile(r"[\w.]+(?:(?<=[eE])[+-]\d+)?"),
    "operator": re.compile(r"(?:(?!--|/\*)[^\w\s\"'])+"),
    "comment": re.compile(r".*", re.DOTALL),
}
"""By kind, what a token consists of."""
_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_OPENED = re.compile(r"[a-zA-Z]?&?'|\$\w*\$")


def _between(part: str, start: int, at: int, end: int) -> Iterator[Token]:
    """The tokens that DuckDB 1.x omits between two others, or behind the last: comments, and an unclosed quote."""
    while at < end:
        if part[at].isspace():
            at += 1
        elif comment := _COMMENT.match(part, at, end):
            yield Token(start + at, start + comment.end(), "comment")
            at = comment.end()
        elif end == len(part) and (part[at] == '"' or _OPENED.match(part, at)):
            yield Token(start + at, start + len(part.rstrip()), "identifier" if part[at] == '"' else "string_const")
            return
        else:
            return

"""Splitting a text into statements, and a statement at its pipe. Pure, but for DuckDB's tokenizer and parser.

Only tokens to the left of what has been decided are ever looked at, so that whatever a verb's words hold (quotes, `--option`) cannot
disturb the SQL before or after them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lakebed.pipes.verbs import PipeVerb, find
from lakebed.pipes.words import Word, words


@dataclass(frozen=True)
class Piece:
    """One statement of a text."""

    kind: Literal["sql", "pipe", "verb", "dot"]
    text: str
    """As it was written, without the semicolon."""
    start: int
    end: int
    """Where it stands in the text, in characters, without the semicolon."""
    terminated: bool
    """Whether a semicolon (for a verb: or the line's end) ended it."""
    sql: str = ""
    """The SQL: all of it, or what stands to the left of the pipe."""
    verb: str = ""
    """The first word of what is no SQL."""
    words: tuple[Word, ...] = ()
    """The words after it; their places are in the whole text."""
    ambiguous: bool = False
    """Whether a pipe could also have been read as the operator `|`."""


class Token(NamedTuple):
    """A token of SQL, in characters."""

    start: int
    end: int
    """With the white space behind it left out."""
    kind: str
    """`keyword`, `identifier`, `string_const`, `numeric_const`, `operator`, `comment`."""


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """DuckDB's tokens of the text from this place on. Its offsets are bytes; these are characters."""
    import duckdb

    part = text[start:]
    found = [(offset, kind.name) for offset, kind in duckdb.tokenize(part)]
    at = _characters(part, [offset for offset, _ in found])
    ends = [*at[1:], len(part)] if at else []
    for begin, end, (_, kind) in zip(at, ends, found, strict=True):
        yield Token(start + begin, start + begin + len(part[begin:end].rstrip()), kind)


def _characters(text: str, offsets: list[int]) -> list[int]:
    """Byte offsets, ascending, as character offsets."""
    if text.isascii():
        return offsets
    data = text.encode("utf-8", "surrogatepass")
    found: list[int] = []
    last = characters = 0
    for offset in offsets:
        characters += len(data[last:offset].decode("utf-8", "surrogatepass"))
        last = offset
        found.append(characters)
    return found


def parses(sql: str) -> bool:
    """Whether DuckDB reads the text as exactly one statement."""
    import duckdb

    try:
        return len(duckdb.extract_statements(sql)) == 1
    except duckdb.Error:
        return False


STARTERS = frozenset(
    "alter analyze attach begin call checkpoint comment commit copy create deallocate delete describe detach drop execute explain "
    "export force from import insert install load merge pivot pivot_longer pivot_wider pragma prepare reindex reset rollback "
    "savepoint select set show start summarize table truncate unpivot update use vacuum values with".split()
)
"""The words that statements of SQL begin with. A verb of that name needs its semicolon: its line may go on in SQL."""

_FIRST = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_PIPE = re.compile(r"\|\s*(!|[A-Za-z_]\w*)")


def split(
    text: str, options_of: Callable[[str], Collection[str] | None] = lambda _word: None, *, dots: bool = False
) -> Iterator[Piece]:
    """The statements of a text.

    `options_of` gives the options of a verb of the shell by its name, None for what is none. What DuckDB itself parses stays SQL,
    unless a comment in it is one of these options. `dots` reads lines with a dot in front.
    """
    at = 0
    while True:
        start = _FIRST.match(text, at)
        begin = start.end() if start else at
        if begin >= len(text):
            return
        if dots and text[begin] == "." and _NAME.match(text, begin + 1):
            piece = _dot(text, begin)
        else:
            piece = _statement(text, begin)
            first = _NAME.match(text, begin)
            options = options_of(first[0].lower()) if first else None
            if first and options is not None and piece.kind == "sql" and not _stays_sql(piece.sql, options):
                piece = _verb(text, begin, first[0].lower())
        if piece.text:
            yield piece
        at = piece.end + (1 if piece.terminated else 0)


def _stays_sql(sql: str, options: Collection[str]) -> bool:
    if any(token.kind == "comment" and sql[token.start :].startswith(tuple(options)) for token in tokens(sql)):
        return False
    return parses(sql)


def _dot(text: str, begin: int) -> Piece:
    end = text.find("\n", begin)
    stop = len(text) if end < 0 else end
    line = text[begin:stop]
    found = words(text[:stop].rstrip().removesuffix(";"), begin + 1)
    return Piece(
        "dot", line.rstrip(), begin, stop, end >= 0, verb=found.words[0].text.lower(), words=found.words[1:]
    )  # fmt: skip


def _verb(text: str, begin: int, name: str) -> Piece:
    found = words(text, begin, line=name not in STARTERS)
    return Piece(
        "verb", text[begin : found.end].rstrip(), begin, found.end, found.terminated, verb=name, words=found.words[1:]
    )  # fmt: skip


def _statement(text: str, begin: int) -> Piece:
    """A statement of SQL, perhaps with a pipe."""
    depth = 0
    for token in tokens(text, begin):
        if token.kind != "operator":
            continue
        shown = text[token.start : token.end]
        if shown.startswith(";"):
            return _sql(text, begin, token.start, terminated=True)
        if shown[0] in "([{":
            depth += 1
        elif shown[0] in ")]}":
            depth -= 1
        elif depth == 0 and shown in ("|", "|!") and (piped := _piped(text, begin, token.start)) is not None:
            return piped
    return _sql(text, begin, len(text), terminated=False)


def _sql(text: str, begin: int, end: int, *, terminated: bool) -> Piece:
    sql = text[begin:end].rstrip()
    return Piece("sql", sql, begin, end, terminated, sql=sql)


def _piped(text: str, begin: int, pipe: int) -> Piece | None:
    """The pipe at this place, if it is one."""
    found = _PIPE.match(text, pipe)
    sql = text[begin:pipe].rstrip()
    if found is None or find(found[1]) is None or not parses(sql):
        return None
    right = words(text, found.start(1) + len(found[1]))
    whole = text[begin : right.end].rstrip()
    return Piece(
        "pipe",
        whole,
        begin,
        right.end,
        right.terminated,
        sql=sql,
        verb=found[1].lower(),
        words=right.words,
        ambiguous=parses(whole),
    )


def pipe_verb(piece: Piece) -> PipeVerb:
    """The verb that the rows of a piece of kind `pipe` go to."""
    verb = find(piece.verb)
    assert verb is not None, piece
    return verb

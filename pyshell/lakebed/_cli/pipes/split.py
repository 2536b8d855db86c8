"""Splitting a text into statements, and a statement at its pipe. Pure, but for DuckDB's tokenizer and parser.

Only tokens to the left of what has been decided are ever looked at, so that whatever a verb's words hold (quotes, `--option`) cannot
disturb the SQL before or after them.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from lakebed._cli.pipes.tokens import Token, tokens
from lakebed._cli.pipes.verbs import PIPE_VERBS, PipeVerb, find
from lakebed._cli.pipes.words import Word, words
from lakebed.errors import InvalidArgument


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
    verb_at: int = 0
    """Of a pipe: where its verb stands."""
    words: tuple[Word, ...] = ()
    """The words after it; their places are in the whole text."""
    ambiguous: bool = False
    """Whether a pipe could also have been read as the operator `|`."""


def parses(sql: str) -> bool:
    """Whether DuckDB reads a text without a semicolon outside quotes as a statement, which it may take apart into several."""
    import duckdb

    try:
        return bool(duckdb.extract_statements(sql))
    except duckdb.Error:
        return False


STARTERS = frozenset(
    "alter analyze attach begin call checkpoint comment commit copy create deallocate delete describe detach drop execute explain "
    "export force from import insert install load merge pivot pivot_longer pivot_wider pragma prepare reindex reset rollback "
    "savepoint select set show start summarize table truncate unpivot update use vacuum values with".split()
)
"""The words that statements of SQL begin with. A verb of that name needs its semicolon: its line may go on in SQL."""

_STRETCH = 1024
"""Characters that are tokenized to find the end of a statement; twice as many, and so on, where it is not among them."""


def _tokens_in_stretches(text: str, begin: int) -> Iterator[Token]:
    """DuckDB's tokens of the text from this place on, without tokenizing all of it for somebody who needs the first few: a script may
    have thousands of statements.
    """
    at, size = begin, _STRETCH
    while begin + size < len(text):
        # The last may go on behind the stretch, and the one before it with it: two texts that follow each other can be one.
        for token in list(tokens(text, begin, begin + size))[:-2]:
            if token.start >= at:
                yield token
                at = token.end
        size *= 2
    yield from (token for token in tokens(text, begin) if token.start >= at)


_BLANK = r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_FIRST = re.compile(_BLANK, re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_PIPE = re.compile(rf"\|{_BLANK}(!|[A-Za-z_]\w*)", re.DOTALL)


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
            first = _NAME.match(text, begin)
            name = first[0].lower() if first else ""
            options = options_of(name) if name else None
            if options is not None and name not in STARTERS:
                piece = _verb(text, begin, name)
            else:
                piece = _statement(text, begin)
                if options is not None and piece.kind == "sql" and not _stays_sql(piece.sql, options):
                    piece = _verb(text, begin, name)
        if piece.text:
            yield piece
        at = piece.end + (1 if piece.terminated else 0)


def _stays_sql(sql: str, options: Collection[str]) -> bool:
    if any(token.kind == "comment" and sql[token.start :].startswith(tuple(options)) for token in tokens(sql)):
        return False
    return parses(sql)


def _dot(text: str, begin: int) -> Piece:
    found = words(text, begin + 1, line=True)
    return Piece(
        "dot", text[begin : found.end].rstrip(), begin, found.end, found.terminated, verb=found.words[0].text.lower(), words=found.words[1:]
    )  # fmt: skip


def _verb(text: str, begin: int, name: str) -> Piece:
    found = words(text, begin, line=name not in STARTERS)
    return Piece(
        "verb", text[begin : found.end].rstrip(), begin, found.end, found.terminated, verb=name, words=found.words[1:]
    )  # fmt: skip


def _statement(text: str, begin: int) -> Piece:
    """A statement of SQL, perhaps with a pipe."""
    depth = 0
    for token in _tokens_in_stretches(text, begin):
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
        verb_at=found.start(1),
        words=right.words,
        # What DuckDB parses as an operator `!` it cannot run: there is none.
        ambiguous=found[1] != "!" and parses(whole),
    )


@contextlib.contextmanager
def minding_pipes(sql: str) -> Iterator[None]:
    """Adds to an error of DuckDB about the SQL that the verb of a pipe may be misspelt in it."""
    import duckdb

    try:
        yield
    except (duckdb.ParserException, duckdb.BinderException) as problem:
        if (misspelt := _misspelt(sql)) is None:
            raise
        word, near = misspelt
        hint = f"There is no verb {word!r} to pipe to; did you mean {near!r}?"
        if isinstance(problem, duckdb.ParserException):
            raise InvalidArgument(hint) from None
        if f'"{word}"' not in str(problem):
            raise
        # It may have been meant as the operator.
        raise type(problem)(f"{problem}\n\n{hint}") from None


def _misspelt(sql: str) -> tuple[str, str] | None:
    """The first word behind a `|` that looks like a verb and is none, with a whole statement before it; and the verb."""
    for token in tokens(sql):
        found = _PIPE.match(sql, token.start) if token.kind == "operator" else None
        if found is None or find(found[1]) is not None:
            continue
        near = difflib.get_close_matches(found[1].lower(), [verb.name for verb in PIPE_VERBS], n=1)
        if near and parses(sql[: token.start]):
            return found[1], near[0]
    return None


def pipe_verb(piece: Piece) -> PipeVerb:
    """The verb that the rows of a piece of kind `pipe` go to."""
    verb = find(piece.verb)
    assert verb is not None, piece
    return verb

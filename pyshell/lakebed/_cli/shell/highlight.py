"""Highlighting: the kind of each part of a text, while it is typed. Pure, but for DuckDB's tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lakebed._cli.language.statements import Statement
from lakebed._cli.language.tokens import tokens
from lakebed._cli.language.words import Word
from lakebed._cli.shell import statements


class Span(NamedTuple):
    """A part of a text, in characters. Text outside all spans is plain."""

    start: int
    end: int
    kind: str
    """`keyword`, `string`, `number`, `comment`, `verb`, `option`, `pipe`, `error`."""


_KINDS = {"keyword": "keyword", "string_const": "string", "numeric_const": "number", "comment": "comment"}
_PAIRS = {")": "(", "]": "[", "}": "{"}


def spans(text: str) -> list[Span]:
    """The spans of a text, in order."""
    found: list[Span] = []
    at = 0
    for statement in statements.typed(text):
        found += _sql(text, at, statement.start)
        found += _words(statement) if statement.kind in ("verb", "dot") else _sql_or_pipe(text, statement)
        at = statement.end
    return found + list(_sql(text, at, len(text)))


def _sql_or_pipe(text: str, statement: Statement) -> Iterator[Span]:
    end = statement.start + len(statement.sql)
    yield from _sql(text, statement.start, end)
    if statement.kind == "pipe":
        pipe = text.index("|", end)
        yield Span(pipe, pipe + 1, "pipe")
        yield from _sql(text, pipe + 1, statement.verb_start)
        yield Span(statement.verb_start, statement.verb_start + len(statement.verb), "verb")
        yield from map(_word, statement.words)


def _words(statement: Statement) -> Iterator[Span]:
    yield Span(statement.start, statement.start + len(statement.verb), "verb")
    yield from map(_word, statement.words)


def _word(word: Word) -> Span:
    if not word.closed:
        return Span(word.start, word.end, "error")
    bare = not word.quoted
    return Span(
        word.start, word.end, "option" if bare and word.text.startswith("--") else "string" if not bare else "word"
    )


def _sql(text: str, start: int, end: int) -> Iterator[Span]:
    """The spans of SQL. Unclosed quotes and brackets, and brackets that close nothing, are errors."""
    open_brackets: list[Span] = []
    found: list[Span] = []
    for token in tokens(text, start, end):
        shown = text[token.start : token.end]
        kind = _KINDS.get(token.kind)
        if token.kind in ("string_const", "identifier", "comment") and not statements.is_closed(shown, token.kind):
            kind = "error"
        if kind is not None:
            found.append(Span(token.start, token.end, kind))
        if token.kind == "operator" and shown[:1] in ("(", "[", "{"):
            open_brackets.append(Span(token.start, token.start + 1, shown[0]))
        elif token.kind == "operator" and shown[:1] in _PAIRS:
            if open_brackets and open_brackets[-1].kind == _PAIRS[shown[0]]:
                open_brackets.pop()
            else:
                found.append(Span(token.start, token.start + 1, "error"))
    found += [Span(one.start, one.end, "error") for one in open_brackets]
    yield from sorted(found)

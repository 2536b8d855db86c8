"""What each part of a text is, while it is typed. Pure, but for DuckDB's tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lakebed._cli.pipes.split import Piece
from lakebed._cli.pipes.tokens import tokens
from lakebed._cli.pipes.words import Word
from lakebed._cli.shell import statements


class Span(NamedTuple):
    """A part of the text, in characters. What is in no span is plain."""

    start: int
    end: int
    kind: str
    """`keyword`, `string`, `number`, `comment`, `verb`, `option`, `pipe`, `error`."""


_KINDS = {"keyword": "keyword", "string_const": "string", "numeric_const": "number", "comment": "comment"}
_PAIRS = {")": "(", "]": "[", "}": "{"}


def spans(text: str) -> list[Span]:
    """The parts of a text, in order."""
    found: list[Span] = []
    at = 0
    for piece in statements.pieces(text):
        found += _sql(text, at, piece.start)
        found += _words(piece) if piece.kind in ("verb", "dot") else _statement(text, piece)
        at = piece.end
    return found + list(_sql(text, at, len(text)))


def _statement(text: str, piece: Piece) -> Iterator[Span]:
    end = piece.start + len(piece.sql)
    yield from _sql(text, piece.start, end)
    if piece.kind == "pipe":
        pipe = text.index("|", end)
        yield Span(pipe, pipe + 1, "pipe")
        yield from _sql(text, pipe + 1, piece.verb_at)
        yield Span(piece.verb_at, piece.verb_at + len(piece.verb), "verb")
        yield from map(_word, piece.words)


def _words(piece: Piece) -> Iterator[Span]:
    length = len(piece.verb) + (piece.kind == "dot")
    yield Span(piece.start, piece.start + length, "verb")
    yield from map(_word, piece.words)


def _word(word: Word) -> Span:
    if not word.closed:
        return Span(word.start, word.end, "error")
    bare = not word.quoted
    return Span(
        word.start, word.end, "option" if bare and word.text.startswith("--") else "string" if not bare else "word"
    )


def _sql(text: str, start: int, end: int) -> Iterator[Span]:
    """Tokens of SQL; what is open and not closed, and what closes nothing, is an error."""
    open_brackets: list[Span] = []
    found: list[Span] = []
    for token in tokens(text, start, end):
        shown = text[token.start : token.end]
        kind = _KINDS.get(token.kind)
        if token.kind in ("string_const", "identifier", "comment") and not _is_closed(shown, token.kind):
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


def _is_closed(shown: str, kind: str) -> bool:
    """Whether a quoted token ends with its quote."""
    if kind == "comment":
        return not shown.startswith("/*") or (shown.endswith("*/") and len(shown) >= 4)
    if shown.startswith("$"):
        tag = shown[: shown.find("$", 1) + 1]
        return len(shown) >= 2 * len(tag) and shown.endswith(tag)
    quote = '"' if kind == "identifier" else "'"
    body = shown.replace("\\'", "") if shown[:1] in "eE" and kind == "string_const" else shown
    return body.count(quote) % 2 == 0

"""Words: the syntax of verbs in the shell and to the right of a pipe. Pure.

Words are separated by white space. `'...'` is literal, with `''` for a quote inside. In `"..."`, `\\"` is a quote,
`\\\\` a backslash, and any other backslash literal. `$$...$$` at the beginning of a word is literal, line breaks and
quotes included. Adjacent quoted and bare parts are one word. A bare `;` ends the words. There are no comments,
variables or patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Word:
    """A word and its place in the text, in characters."""

    text: str
    start: int
    end: int
    quoted: bool = False
    """Whether any part of it is quoted: then it is a value, never an option or a bare `into`."""
    closed: bool = True
    """Whether all its quotes are closed."""


class Words(NamedTuple):
    """The words up to a semicolon, a line's end, or the end of the text."""

    words: tuple[Word, ...]
    end: int
    """The place of the semicolon or line break that ends them, else the end of the text."""
    terminated: bool
    """Whether a semicolon or line break ends them."""

    @property
    def closed(self) -> bool:
        """Whether every quote is closed."""
        return all(word.closed for word in self.words)


def words(text: str, start: int = 0, *, line: bool = False) -> Words:
    """The words from `start` on, up to a semicolon; with `line`, also only up to the end of the line."""
    found: list[Word] = []
    at = start
    while at < len(text):
        character = text[at]
        if character == ";" or (line and character == "\n"):
            return Words(tuple(found), at, True)
        if character.isspace():
            at += 1
            continue
        word = _word(text, at)
        found.append(word)
        at = word.end
    return Words(tuple(found), len(text), False)


def _word(text: str, start: int) -> Word:
    if text.startswith("$$", start):
        end = text.find("$$", start + 2)
        if end < 0:
            return Word(text[start + 2 :], start, len(text), True, False)
        return Word(text[start + 2 : end], start, end + 2, True)
    parts: list[str] = []
    at, quoted = start, False
    while at < len(text) and not text[at].isspace() and text[at] != ";":
        if text[at] not in "'\"":
            parts.append(text[at])
            at += 1
            continue
        quoted = True
        part, at, closed = _quoted(text, at)
        parts.append(part)
        if not closed:
            return Word("".join(parts), start, at, True, False)
    return Word("".join(parts), start, at, quoted)


def _quoted(text: str, start: int) -> tuple[str, int, bool]:
    """The content of the quote that begins at `start`, the place behind it, and whether it is closed."""
    quote = text[start]
    parts: list[str] = []
    at = start + 1
    while at < len(text):
        character, following = text[at], text[at + 1 : at + 2]
        if character == quote == "'" and following == "'":
            parts.append("'")
            at += 2
        elif character == quote:
            return "".join(parts), at + 1, True
        elif quote == '"' and character == "\\" and following in ('"', "\\") and following:
            parts.append(following)
            at += 2
        else:
            parts.append(character)
            at += 1
    return "".join(parts), at, False


def quote(text: str) -> str:
    """The text as one word, quoted where that is necessary."""
    if (
        text
        and not any(character.isspace() or character in "'\";" for character in text)
        and not text.startswith(("-", "$$"))
    ):
        return text
    doubled = text.replace("'", "''")
    return f"'{doubled}'"

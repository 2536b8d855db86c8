"""Words: how the right side of a pipe, and every verb of the shell, is read. Pure.

Words are separated by white space. `'...'` is taken as it stands, with `''` for a quote inside. In `"..."` a backslash makes `\\"` and
`\\\\` what they name, and stays otherwise. `$$...$$` at the beginning of a word is taken as it stands, line breaks and quotes included.
Quoted and bare parts that touch are one word. A bare `;` ends the words. There are no comments, variables or patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Word:
    """A word and where it stands in the text."""

    text: str
    start: int
    end: int
    quoted: bool = False
    """Whether any of it was quoted: then it is no option, and no `into`."""
    closed: bool = True
    """False when a quote was opened and not closed."""


class Words(NamedTuple):
    """The words up to a semicolon, a line's end, or the end of the text."""

    words: tuple[Word, ...]
    end: int
    """Where they end: at the semicolon or line break, if there is one."""
    terminated: bool
    """Whether one ended them."""

    @property
    def closed(self) -> bool:
        """Whether every quote was closed."""
        return all(word.closed for word in self.words)


def words(text: str, start: int = 0, *, line: bool = False) -> Words:
    """The words from this place on; with `line`, only those on the line."""
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
    """What a quote at this place holds, where it ends, and whether it does."""
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
    """The text as one word: quoted when it has to be."""
    if (
        text
        and not any(character.isspace() or character in "'\";" for character in text)
        and not text.startswith(("-", "$$"))
    ):
        return text
    doubled = text.replace("'", "''")
    return f"'{doubled}'"

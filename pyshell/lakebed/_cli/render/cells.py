"""Single cells: escaping, width on a terminal, cutting, and numbers for people. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from wcwidth import wcswidth, wcwidth

ELLIPSIS = "…"
"""Stands for what is left out."""


def escaped(text: str) -> str:
    """The text with control characters and characters that reorder text written as escapes: `\\n`, `\\x1b`,
    `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def printable(text: str) -> str:
    """The same for text of several lines: line breaks and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in "\n\t" else _escape(character) for character in text)


def printable_json(text: str) -> str:
    """The same for JSON, which stays JSON: the escapes are those of its strings (`\\u001b`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or not _moves(character) else _json_escape(character) for character in text
    )


def one_line(text: str) -> str:
    """The text with what would begin a new line, and tabs, written as escapes; every other character stays."""
    return _LINE_BREAKS.sub(lambda found: _escape(found[0]), text)


_LINE_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


@lru_cache(maxsize=1024)
def _moves(character: str) -> bool:
    """Whether a character is a control, a surrogate, a line or paragraph separator, or a format character that reorders
    text or hides in it."""
    category = unicodedata.category(character)
    return category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character not in "\u200d\u200c\u00ad")


@lru_cache(maxsize=1024)
def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named:
        return named
    if not _moves(character):
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        # A byte that is not UTF-8, as in a file name.
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_JOINER = "\u200d"


def width(text: str) -> int:
    """The columns of a terminal that escaped text takes."""
    if text.isascii():
        return len(text)
    if _JOINER in text:
        # A joiner makes one emoji of two. Between other characters it has no width and no effect.
        text = re.sub(rf"(?<!{_EMOJI}){_JOINER}|{_JOINER}(?!{_EMOJI})", "", text)
    measured = wcswidth(text)
    return measured if measured >= 0 else sum(max(wcwidth(character), 0) for character in text)


_EMOJI = "[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"


def cut(text: str, places: int) -> str:
    """The text, cut to at most `places` columns of a terminal; where it is cut it ends with an ellipsis."""
    if width(text) <= places:
        return text
    if places <= 0:
        return ""
    taken, used = [], 0
    for character in text:
        used += max(wcwidth(character), 0)
        if used > places - 1:
            break
        taken.append(character)
    return "".join(taken).rstrip(_JOINER) + ELLIPSIS


def cut_in_middle(text: str, places: int) -> str:
    """The text, cut to at most `places` columns of a terminal; its beginning and its end are left, so that names that
    begin or end alike can be told apart."""
    if width(text) <= places or places < 5:
        return cut(text, places)
    end = text[len(text) - (places - 1) // 3 :]
    while width(end) > (places - 1) // 2:
        end = end[1:]
    return cut(text, places - width(end)) + end


def padded(text: str, places: int, *, right: bool = False) -> str:
    """The text filled with blanks to `places` columns, on the left where it is aligned to the `right`."""
    fill = " " * max(places - width(text), 0)
    return fill + text if right else text + fill


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 row`, `2,000 rows`. Without `plural`, an s is added."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """A number of bytes in decimal units: `812 bytes`, `13.4 MB` (a MB is a million bytes)."""
    if number < 1000:
        return f"{number:,.0f} bytes"
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95 or unit == "TB":
            return f"{number:,.1f} {unit}"
    raise AssertionError  # the loop returns at TB

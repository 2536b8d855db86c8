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


@lru_cache(maxsize=1024)
def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named:
        return named
    # Controls, surrogates, line and paragraph separators, and the format characters that reorder text or hide in it.
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.category(character) == "Cf" and character not in "\u200d\u200c\u00ad"
    ):
        number = ord(character)
        return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    return character


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

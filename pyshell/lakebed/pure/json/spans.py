"""Where the parts of a text of JSON are, for values whose exact bytes count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there

from lakebed.pure.json.syntax import Value
from lakebed.pure.json.values import scan_part

__all__ = ["Member", "elements", "members", "skip_blanks"]

_BLANKS = re.compile(r"[ \t\n\r]*")
_BLANK = frozenset(" \t\n\r")

Member = tuple[str, str, Value, int, int]
"""A key, the same as it is written, the value, and the offsets of the value's beginning and end."""


def skip_blanks(text: str, at: int) -> int:
    """The offset of the next character that is not a blank."""
    if text[at : at + 1] not in _BLANK:
        return at
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def members(text: str, at: int) -> Iterator[Member]:
    """The members of the object that begins at an offset, equal keys included."""
    at = skip_blanks(text, at + 1)
    while text[at] != "}":
        start = at + 1
        key, at = scanstring(text, start)
        written = text[start : at - 1]
        begin = skip_blanks(text, skip_blanks(text, at) + 1)
        value, end = scan_part(text, begin)
        yield key, written, value, begin, end
        at = skip_blanks(text, end)
        if text[at] == ",":
            at = skip_blanks(text, at + 1)


def elements(text: str, at: int) -> Iterator[tuple[Value, int, int]]:
    """The elements of the array that begins at an offset, with the offsets of their beginnings and ends."""
    at = skip_blanks(text, at + 1)
    while text[at] != "]":
        value, end = scan_part(text, at)
        yield value, at, end
        at = skip_blanks(text, end)
        if text[at] == ",":
            at = skip_blanks(text, at + 1)

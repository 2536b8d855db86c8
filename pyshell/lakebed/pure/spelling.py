"""The known name that a wrong one may stand for."""

from __future__ import annotations

from collections.abc import Iterable

from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.types import lower

__all__ = ["hint"]

_LONGEST = 100
"""Letters that are compared: the distance costs the product of the lengths."""


def hint(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean "x"?` for the closest known name, if at most a third of the letters differ; else `otherwise`."""
    letters = lower(wrong)[:_LONGEST]
    found = min(((_distance(letters, lower(name)[:_LONGEST]), name) for name in known), default=None, key=_first)
    if found is None or found[0] > max(len(letters), 3) // 3:
        return otherwise
    return f"did you mean {quoted(found[1])}?"


def _first(pair: tuple[int, str]) -> int:
    return pair[0]


def _distance(one: str, other: str) -> int:
    """The Levenshtein distance, in letters."""
    row = list(range(len(one) + 1))
    for line, letter in enumerate(other):
        above_left, row[0] = row[0], line + 1
        for cell, own in enumerate(one, 1):
            above = row[cell]
            row[cell] = min(above_left + (own != letter), above + 1, row[cell - 1] + 1)
            above_left = above
    return row[-1]

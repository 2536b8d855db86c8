"""Which spellers the leaves of a part get: those that write most values of a sample as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from lakebed.pure.columns.leaves import Leaves
from lakebed.pure.columns.spell import double_speller
from lakebed.pure.format.coding import Malformed, put_str, put_varint
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    JSON,
    TIMESTAMP,
    TIMESTAMPTZ,
    UBIGINT,
    VARCHAR,
    DataType,
)

__all__ = ["Trial", "zone_of"]

_KINDS: Final[dict[DataType, int]] = {
    kind: number
    for number, kind in enumerate(
        (BOOLEAN, BIGINT, UBIGINT, HUGEINT, DOUBLE, VARCHAR, JSON, DATE, TIMESTAMP, TIMESTAMPTZ)
    )
}
_PYTHONS: Final = 2
"""The style of doubles that is taken where no value shows another."""
_SHORTEST: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""The styles of the fewest digits, those that win first."""
_ENOUGH: Final = 2000
"""Values that decide the style of a leaf."""
_MOST_STYLES: Final = 64

TimeStyle = tuple[int, int, str]
"""1 for a T or 0 for a blank, the digits of the fraction, the zone."""


class Trial:
    """What the values of a sample have shown of each leaf."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self._shown: list[_Doubles | _Texts | _Times | None] = []
        for leaf in leaves.all:
            made: _Doubles | _Texts | _Times | None = None
            if leaf.type == DOUBLE:
                made = _Doubles()
            elif leaf.type == VARCHAR:
                made = _Texts()
            elif leaf.type in (TIMESTAMP, TIMESTAMPTZ):
                made = _Times()
            self._shown.append(made)

    def observe(self, leaf: int, raw: str, value: Any) -> None:
        """Takes a value of a leaf, and its text without quotes."""
        shown = self._shown[leaf]
        if shown is not None:
            shown.observe(raw, value)

    def spellers(self) -> bytes:
        """The best spellers, encoded."""
        everywhere = _Texts()
        for shown in self._shown:
            if isinstance(shown, _Texts):
                everywhere.add(shown)
        out = bytearray([1])
        put_varint(out, len(self._leaves.all))
        for leaf, shown in zip(self._leaves.all, self._shown, strict=True):
            out.append(_KINDS[leaf.type])
            if isinstance(shown, _Doubles):
                out.append(shown.best())
            elif isinstance(shown, _Texts):
                put_varint(out, shown.style(everywhere))
            elif isinstance(shown, _Times):
                mark, fraction, zone = shown.best() or (1, 0, "Z" if leaf.type == TIMESTAMPTZ else "")
                out += bytes((mark, fraction))
                put_str(out, zone)
        put_varint(out, len(self._leaves.lists))
        return bytes(out)


# --- Doubles ---


class _Doubles:
    def __init__(self) -> None:
        self._hits = dict.fromkeys(_SHORTEST, 0)
        self._spellers: dict[int, Callable[[float], str]] = {style: double_speller(style) for style in _SHORTEST}
        self._is_over = False

    def observe(self, raw: str, value: float) -> None:
        if self._is_over:
            return
        _, point, digits = raw.partition(".")
        if point and 1 <= len(digits) <= 15 and 16 + len(digits) not in self._hits:
            self._hits[16 + len(digits)] = 0
            self._spellers[16 + len(digits)] = double_speller(16 + len(digits))
        for style, speller in self._spellers.items():
            try:
                self._hits[style] += speller(value) == raw
            except Malformed:
                continue
        self._is_over = max(self._hits.values()) >= _ENOUGH

    def best(self) -> int:
        style = max(self._hits, key=self._hits.__getitem__)
        return style if self._hits[style] else _PYTHONS


# --- Strings ---

_TELLING: Final = re.compile(r"\\u.{4}|\\.|[/<>&'+`\x7f-\U0010ffff]", re.DOTALL)
_ASCII, _UPPER, _SLASH, _HTML, _APOSTROPHE, _PLUS, _QUOTE, _LONG_B_F, _LONG_T_N_R, _DELETE, _SEPARATORS = range(11)
"""The flags of strings, by their bits."""
_PLAIN: Final = {
    "/": _SLASH, "<": _HTML, ">": _HTML, "&": _HTML, "'": _APOSTROPHE, "+": _PLUS, "`": _PLUS, "\x7f": _DELETE,
    '\\"': _QUOTE, "\\b": _LONG_B_F, "\\f": _LONG_B_F, "\\t": _LONG_T_N_R, "\\n": _LONG_T_N_R, "\\r": _LONG_T_N_R,
}  # fmt: skip
"""What is against a flag where it is written like that."""
_NUMBERED: Final = {
    8: _LONG_B_F, 12: _LONG_B_F, 9: _LONG_T_N_R, 10: _LONG_T_N_R, 13: _LONG_T_N_R, 0x22: _QUOTE, 0x26: _HTML, 0x3C: _HTML,
    0x3E: _HTML, 0x27: _APOSTROPHE, 0x2B: _PLUS, 0x60: _PLUS, 0x7F: _DELETE, 0x2028: _SEPARATORS, 0x2029: _SEPARATORS,
}  # fmt: skip
"""What is for a flag where it is written as `\\uxxxx`."""


class _Texts:
    """For each flag, how much is for it and against it."""

    def __init__(self) -> None:
        self._for = [0] * 11
        self._against = [0] * 11

    def observe(self, raw: str, _value: Any) -> None:
        for found in _TELLING.findall(raw):
            if found in _PLAIN:
                self._against[_PLAIN[found]] += 1
            elif found == "\\/":
                self._for[_SLASH] += 1
            elif found[:2] == "\\u":
                self._observe_number(found[2:])
            elif found[0] != "\\":
                self._against[_ASCII] += len(found.encode())
                if found in "\u2028\u2029":
                    self._against[_SEPARATORS] += 1

    def _observe_number(self, digits: str) -> None:
        if not digits.isdigit():
            votes = self._against if digits.lower() == digits else self._for
            votes[_UPPER] += 1
        number = int(digits, 16)
        flag = _NUMBERED.get(number, _ASCII if number >= 0x80 else None)
        if flag is not None:
            self._for[flag] += 1

    def add(self, other: _Texts) -> None:
        self._for = [own + more for own, more in zip(self._for, other._for, strict=True)]
        self._against = [own + more for own, more in zip(self._against, other._against, strict=True)]

    def style(self, everywhere: _Texts) -> int:
        """The flags; where the leaf shows nothing of one, what all leaves show: one writer wrote them."""
        flags = 0
        for bit in range(11):
            votes = (self._for[bit], self._against[bit])
            if votes == (0, 0):
                votes = (everywhere._for[bit], everywhere._against[bit])
            flags |= (votes[0] > votes[1]) << bit
        return flags


# --- Times ---

_FRACTION: Final = re.compile(r"\.([0-9]*)")
_ZONE: Final = re.compile(r"|Z|[+-](0\d|1[0-5])(:?[0-5]\d)?", re.ASCII)


def zone_of(raw: str) -> str:
    """What follows the seconds and their fraction in the text of a timestamp."""
    found = _FRACTION.match(raw, 19)
    return raw[found.end() if found else 19 :]


class _Times:
    def __init__(self) -> None:
        self._hits: dict[TimeStyle, int] = {}

    def observe(self, raw: str, _value: Any) -> None:
        zone = zone_of(raw)
        written = max(len(raw) - len(zone) - 20, 0)
        if raw[10:11] not in ("T", " ") or written > 9 or not _ZONE.fullmatch(zone):
            return
        found = _FRACTION.match(raw, 19)
        digits = found[1] if found else ""
        length, needed = len(digits), len(digits.rstrip("0"))
        # The digits that are needed decide between the ways to write them.
        ways = [written]
        ways += [10] if length == needed else []
        ways += [11] if length == needed + -needed % 3 else []
        ways += [12] if length == needed + -needed % 6 else []
        for fraction in ways:
            style = (int(raw[10] == "T"), fraction, zone)
            if style in self._hits or len(self._hits) < _MOST_STYLES:
                self._hits[style] = self._hits.get(style, 0) + 1

    def best(self) -> TimeStyle | None:
        return max(self._hits, key=self._hits.__getitem__, default=None)

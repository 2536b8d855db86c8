"""Spellers: how the values of a leaf are written in a record."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lakebed.pure.format.coding import Malformed, Reader

__all__ = ["Spellers", "double_speller", "instant_in_zone"]

Spell = Callable[[Any], str]
"""A value of the leaf, as the page has it, to its text."""

_KINDS: Final = 10
_VARCHAR: Final = 5
_TIMESTAMPTZ: Final = 9
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_ZONE: Final = re.compile(r"Z|([+-])(\d\d)(?::?(\d\d))?")


class Spellers(NamedTuple):
    """Those of all leaves."""

    leaves: list[Spell]
    zoned: list[Callable[[Any, str], str] | None]
    """For the leaves of times with a zone: a time as it is written in a zone."""
    plain: list[bool]
    """For each leaf, whether it writes strings without escapes as they are."""
    lists: int

    @classmethod
    def decode(cls, data: bytes) -> Spellers:
        """Raises `Malformed`."""
        reader = Reader(data)
        if reader.u8() != 1:
            raise Malformed("the spellers have another version")
        leaves: list[Spell] = []
        zoned: list[Callable[[Any, str], str] | None] = []
        plain: list[bool] = []
        for _ in range(reader.varint()):
            kind = reader.u8()
            plain.append(kind == _VARCHAR and reader.data[reader.at : reader.at + 1] == b"\0")
            if kind >= _KINDS:
                raise Malformed("a leaf is spelled in an unknown way")
            spell, in_zone = _speller(kind, reader)
            leaves.append(spell)
            zoned.append(in_zone)
        made = cls(leaves, zoned, plain, reader.varint())
        reader.done()
        return made


def _speller(kind: int, reader: Reader) -> tuple[Spell, Callable[[Any, str], str] | None]:
    if kind == 0:
        return lambda value: "true" if value else "false", None
    if kind <= 3:
        return _unsigned if kind == 2 else _signed, None
    if kind == 4:
        return double_speller(reader.u8()), None
    if kind == _VARCHAR:
        return _strings(reader.varint()), None
    if kind == 6:
        return _text, None
    if kind == 7:
        return lambda days: _moment(days * 86_400_000_000).date().isoformat(), None
    mark, fraction, zone = reader.u8(), reader.u8(), reader.str()
    if mark > 1 or fraction > 12:
        raise Malformed("a leaf is spelled in an unknown way")

    def in_zone(micros: int, zone: str) -> str:
        return instant_in_zone(micros, "T" if mark else " ", fraction, zone)

    return lambda micros: in_zone(micros, zone), in_zone if kind == _TIMESTAMPTZ else None


def _signed(value: int | bytes) -> str:
    return str(value if isinstance(value, int) else int.from_bytes(value, "big", signed=True))


def _unsigned(value: int | bytes) -> str:
    return str(value % (1 << 64)) if isinstance(value, int) else _signed(value)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None


# --- Doubles ---

_PLAIN: Final = ((-5, 21), (-3, 16), (-4, 16), (-4, 16), (-2, 7))
"""For each notation, the exponents that are not written."""


def double_speller(style: int) -> Spell:
    """Writes doubles in a style. Raises `Malformed` for a style that there is not."""
    if 17 <= style <= 31:
        places = style - 16
        return lambda value: _fixed(value, places)
    if style > 9:
        raise Malformed("a leaf is spelled in an unknown way")
    notation, short = divmod(style, 2)
    first, last = _PLAIN[notation]
    whole = "" if short else ".0"

    def spell(value: float) -> str:
        sign, digits, exponent = _digits(value)
        if not first <= exponent <= last:
            rest = digits[1:] or ("0" if notation == 4 else "")
            power = exponent - 1
            written = f"{abs(power):02}" if notation == 1 else str(abs(power))
            mark = "-" if power < 0 else "+" if notation in (0, 1, 3) else ""
            return f"{sign}{digits[0]}{'.' if rest else ''}{rest}{'E' if notation == 4 else 'e'}{mark}{written}"
        if exponent <= 0:
            return f"{sign}0.{'0' * -exponent}{digits}"
        if exponent >= len(digits):
            return f"{sign}{digits}{'0' * (exponent - len(digits))}{whole}"
        return f"{sign}{digits[:exponent]}.{digits[exponent:]}"

    return spell


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, the shortest digits and n, the value being 0.digits * 10^n."""
    text = repr(value)
    sign = "-" if text[0] == "-" else ""
    mantissa, _, power = text.lstrip("-").partition("e")
    whole, _, part = mantissa.partition(".")
    exponent = len(whole) + int(power or 0)
    digits = (whole + part).rstrip("0")
    left = digits.lstrip("0")
    if not left:
        return sign, "0", 1
    return sign, left, exponent - (len(digits) - len(left))


def _fixed(value: float, places: int) -> str:
    sign = "-" if repr(value)[0] == "-" else ""
    whole = round(abs(value) * 10.0**places)
    if whole >= 1 << 53:
        raise Malformed("a value has too many digits for its leaf")
    digits = f"{whole:0{places + 1}}"
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


# --- Strings ---

_ESCAPED: Final = re.compile("[\0-\x1f\"\\\\/<>&'+`\x7f-\U0010ffff]")


def _strings(flags: int) -> Spell:
    if flags >= 1 << 11:
        raise Malformed("a leaf is spelled in an unknown way")
    form = "{:04X}" if flags & 2 else "{:04x}"

    def number(character: str) -> str:
        return "\\u" + form.format(ord(character))

    table = {chr(code): number(chr(code)) for code in range(0x20)}
    table |= {'"': '\\"', "\\": "\\\\"}
    table |= {} if flags & 128 else {"\b": "\\b", "\f": "\\f"}
    table |= {} if flags & 256 else {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
    table |= {"/": "\\/"} if flags & 4 else {}
    for flag, characters in ((8, "<>&"), (16, "'"), (32, "+`"), (64, '"'), (512, "\x7f"), (1024, "\u2028\u2029")):
        if flags & flag:
            table |= {character: number(character) for character in characters}

    def escaped(found: re.Match[str]) -> str:
        character = found[0]
        known = table.get(character)
        if known is not None:
            return known
        if not flags & 1 or character < "\x80":
            return character
        units = character.encode("utf-16-be")
        return "".join("\\u" + form.format(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2))

    return lambda value: _ESCAPED.sub(escaped, _text(value))


# --- Times ---


def _moment(micros: int) -> datetime.datetime:
    try:
        return _EPOCH + datetime.timedelta(microseconds=micros)
    except OverflowError:
        raise Malformed("a time is not of the years 1 to 9999") from None


def instant_in_zone(micros: int, mark: str, fraction: int, zone: str) -> str:
    """A time as it is written in a zone, or in none. Raises `Malformed`."""
    if zone:
        found = _ZONE.fullmatch(zone)
        if found is None:
            raise Malformed("a zone is none")
        if found[1]:
            shift = int(found[2]) * 3600 + int(found[3] or 0) * 60
            micros += (-shift if found[1] == "-" else shift) * 1_000_000
    moment = _moment(micros)
    digits = f"{moment.microsecond:06}"
    if fraction <= 9:
        digits = digits.ljust(9, "0")[:fraction]
    elif fraction == 10:
        digits = digits.rstrip("0")
    elif fraction == 11:
        digits = "" if digits == "000000" else digits[:3] if digits.endswith("000") else digits
    elif digits == "000000":
        digits = ""
    return f"{moment.replace(microsecond=0).isoformat(mark)}{'.' if digits else ''}{digits}{zone}"

"""Values of scalar types: those that inferred types hold, and those that fit declared ones (docs/types.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from lakebed.pure.json.observe import double
from lakebed.pure.json.syntax import Escaped, MinusZero, Real, Value
from lakebed.pure.json.times import DATE as DATES
from lakebed.pure.json.times import NAIVE, ZONED, moment
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UBIGINT,
    VARCHAR,
    DataType,
)

__all__ = ["MISFIT", "Misfit", "exact", "fitted", "has_lone_surrogate"]


def has_lone_surrogate(text: str) -> bool:
    """Whether a string is not Unicode text."""
    return _SURROGATE.search(text) is not None


class Misfit(Exception):
    """A value that an inferred type cannot hold: the schema is older than the record."""


MISFIT: Any = object()
"""In the place of a value that does not fit its declared type."""

_RANGES: dict[DataType, tuple[int, int]] = {
    BIGINT: (-(2**63), 2**63 - 1),
    UBIGINT: (0, 2**64 - 1),
    HUGEINT: (-(10**38 - 1), 10**38 - 1),
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMS: dict[DataType, int] = {DATE: DATES, TIMESTAMP: NAIVE, TIMESTAMPTZ: ZONED}


def exact(kind: DataType) -> Callable[[Value], Any]:
    """A function from a value, not null, to one of an inferred scalar type. It raises `Misfit`."""
    if kind in _RANGES:
        low, high = _RANGES[kind]

        def integer(value: Value) -> int:
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise Misfit
            return int(value)

        return integer
    if kind == DOUBLE:
        return _double
    if kind == VARCHAR:
        return _text
    if kind == BOOLEAN:
        return _boolean
    form = _FORMS[kind]

    def time(value: Value) -> int:
        found = moment(value) if type(value) is str else None
        if found is None or found.form != form:
            raise Misfit
        return found.value

    return time


def _double(value: Value) -> float:
    if isinstance(value, Real):
        found = double(value)
        if found is not None:
            return found
    elif isinstance(value, MinusZero):
        return -0.0
    elif isinstance(value, int) and not isinstance(value, bool):
        found = _nearest(value)
        if found == value:
            return found
    raise Misfit


def _nearest(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(value: Value) -> str:
    if type(value) is not str and not isinstance(value, Escaped):
        raise Misfit
    if has_lone_surrogate(value):
        raise Misfit
    return str(value)


def _boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise Misfit
    return value


_NUMBER = re.compile(r"(-?(?=\.?[0-9])[0-9.eE+-]*)")
_BLANKS = " \t\n\x0c\r"


def fitted(kind: DataType, value: Value, text: str, nulls: tuple[str, ...]) -> Any:
    """The value as one of a declared scalar type, or JSON; None for NULL, `MISFIT` where the type cannot hold it.

    `text` is the value as it is written, and `nulls` the texts that mean NULL.
    """
    if value is None:
        return None
    is_text = type(value) is str or isinstance(value, Escaped)
    if (str(value) if is_text else text) in nulls:
        return None
    if kind in _RANGES:
        low, high = _RANGES[kind]
        number = _number(value, text)
        whole = None if number is None else _whole(number)
        return whole if whole is not None and low <= whole <= high else MISFIT
    if kind == DOUBLE:
        number = _number(value, text)
        return MISFIT if number is None or (found := _double_of(number)) is None else found
    if kind == BOOLEAN:
        if isinstance(value, bool):
            return value
        word = value.lower() if is_text and value.isascii() else ""
        return {"true": True, "false": False}.get(word, MISFIT)
    if kind == VARCHAR:
        if not is_text:
            return text
        return MISFIT if has_lone_surrogate(value) else str(value)
    if kind in _FORMS:
        moment_of = moment(value) if type(value) is str else None
        if moment_of is not None and moment_of.form == _FORMS[kind]:
            return moment_of.value
        if moment_of is not None and kind == TIMESTAMP and moment_of.form == DATES:
            return moment_of.value * 86_400_000_000
        return MISFIT
    return text


def _number(value: Value, text: str) -> str | None:
    """The text of the number that a value is, or that a string without escapes is."""
    if type(value) is str:
        stripped = value.strip(_BLANKS).removeprefix("+")
        found = _NUMBER.fullmatch(stripped)
        return stripped if found else None
    if isinstance(value, bool | list | tuple | Escaped):
        return None
    return text


_INTEGER = re.compile(r"-?[0-9]+")


def _whole(number: str) -> int | None:
    """The integer that a number is, also where it is written with a fraction of zeros or an exponent."""
    if _INTEGER.fullmatch(number):
        if len(number) > 60 and len(number.lstrip("-0")) > 40:
            return None
        found = int(number.lstrip("-").lstrip("0")[:60] or "0")
        found = -found if number.startswith("-") else found
        return found if -(2**127) <= found < 2**127 else None
    whole, point, fraction = number.partition(".")
    if point and not fraction.strip("0") and _INTEGER.fullmatch(whole):
        return _whole(whole)
    # Of the numbers with an exponent, those that are exact as doubles.
    value = _double_of(number)
    if value is None or not value.is_integer() or abs(value) > 2**53:
        return None
    return int(value)


def _double_of(number: str) -> float | None:
    try:
        return double(number)
    except ValueError:
        return None

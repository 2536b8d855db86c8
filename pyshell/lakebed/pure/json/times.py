"""Dates and timestamps in strings: docs/types.md, "Dates and timestamps"."""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

__all__ = ["DATE", "NAIVE", "ZONED", "Moment", "moment"]

DATE, NAIVE, ZONED = 1, 2, 4
"""The forms of strings, as a summary has them."""


class Moment(NamedTuple):
    """A date or a timestamp."""

    form: int
    """`DATE`, `NAIVE` or `ZONED`."""
    value: int
    """Days since 1970-01-01, or microseconds since then; those of a zoned one are UTC."""
    utc: bool = True
    """Whether the zone's offset is zero."""


_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6})0{0,3})?(?:(Z)|([+-])(0\d|1[0-5])(?::?([0-5]\d))?)?)?",
    re.ASCII,
)
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def moment(text: str) -> Moment | None:
    """The date or timestamp that a string without escapes is; None for other text."""
    # Rejects nearly all other strings at once.
    if not 10 <= len(text) <= 35 or text[4] != "-" or text[7] != "-":
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    try:
        days = datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    if hour is None:
        return Moment(DATE, days)
    seconds = days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    micros = seconds * 1_000_000 + (int(fraction.ljust(6, "0")) if fraction else 0)
    if utc:
        return Moment(ZONED, micros)
    if sign is None:
        return Moment(NAIVE, micros)
    offset = (int(hours) * 60 + int(minutes or 0)) * 60_000_000
    return Moment(ZONED, micros - offset if sign == "+" else micros + offset, offset == 0)

"""Dates, times and durations of Arrow as ISO 8601."""

from __future__ import annotations

__all__ = ["BEYOND", "clock", "date", "period", "timestamp"]

BEYOND = "holds a date outside the years that ISO 8601 writes with four digits; cast it to text first."
_NANOS = 1_000_000_000
_DAY = 86_400


class Beyond(ValueError):
    """A date outside the years 0000 to 9999."""


def date(days: int) -> str:
    """A date, of days since 1970. Raises `Beyond`."""
    # Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last of its year.
    days += 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (month <= 2)
    if not 0 <= year <= 9999:
        raise Beyond(BEYOND)
    return f"{year:04}-{month:02}-{day:02}"


def timestamp(value: int, unit: int, zone: str) -> str:
    """A timestamp, of parts of a second since 1970; `unit` of them are a second. Raises `Beyond`."""
    seconds, part = divmod(value, unit)
    days, second = divmod(seconds, _DAY)
    nanos = part * (_NANOS // unit)
    fraction = f"{nanos:09}" if nanos else ""
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    time = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{date(days)}T{time}{'.' if fraction else ''}{fraction}{'Z' if zone else ''}"


def _fraction(nanos: int) -> str:
    return f".{nanos:09}".rstrip("0") if nanos else ""


def clock(nanos: int) -> str:
    """A time of day."""
    sign, size = ("-", -nanos) if nanos < 0 else ("", nanos)
    seconds, part = divmod(size, _NANOS)
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_fraction(part)}"


def period(months: int, days: int, nanos: int) -> str:
    """A period of time; each part has its own sign."""
    parts = ["P"]
    if months:
        parts.append(f"{months}M")
    if days:
        parts.append(f"{days}D")
    if nanos or not (months or days):
        seconds, part = divmod(abs(nanos), _NANOS)
        parts.append(f"T{'-' if nanos < 0 else ''}{seconds}{_fraction(part)}S")
    return "".join(parts)

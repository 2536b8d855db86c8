"""Python objects as JSON text, beyond what the standard library writes.

| Python | JSON |
|---|---|
| `datetime`, `date`, `time`, `timedelta` | strings, ISO 8601, as many digits of a second as there are |
| `datetime` with a zone | the same in UTC, ending in `Z` |
| `Decimal` | a number with all its digits |
| `UUID`, `lakebed.Hash` | strings |
| `bytes` | strings, base64 |
| NumPy scalars and arrays | what they stand for: numbers (the shortest that parses to the same value), arrays, ... |
| NaN, `pandas.NA`, `pandas.NaT` | null |

These are the texts that tables of Arrow become. An infinity is an error.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from lakebed._types import Hash

__all__ = ["dumped"]

_string = json.JSONEncoder(ensure_ascii=False).encode


def dumped(value: Any) -> str:
    """The value as compact JSON. Raises `TypeError`, `ValueError` or `RecursionError` when it has no JSON form."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value, float.__repr__(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{dumped(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumped, value)) + "]"
    return _other(value)


def _key(key: Any) -> str:
    """The key of a member: text as it is, other scalars the text of their JSON."""
    if isinstance(key, Mapping | list | tuple):
        raise TypeError(f"keys must be text, not {type(key).__name__}")
    text = dumped(key)
    return text if text.startswith('"') else _string(text)


def _float(value: Any, text: str) -> str:
    if math.isnan(value):
        return "null"
    if math.isinf(value):
        raise ValueError(f"{text} is infinite")
    return text


def _other(value: Any) -> str:
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(value, numpy.generic | numpy.ndarray):
        return _of_numpy(value, numpy)
    if (pandas := sys.modules.get("pandas")) is not None and (value is pandas.NA or value is pandas.NaT):
        return "null"
    match value:
        case dt.datetime():
            return f'"{_date_time(value)}"'
        case dt.date():
            return f'"{value.isoformat()}"'
        case dt.time():
            return f'"{_time(value)}"'
        case dt.timedelta():
            return f'"{_duration(value)}"'
        case Decimal():
            if value.is_nan():
                return "null"
            if value.is_infinite():
                raise ValueError(f"{value} is infinite")
            return str(value)
        case UUID():
            return f'"{value}"'
        case bytes() | bytearray() | memoryview():
            return f'"{base64.b64encode(value).decode()}"'
    if isinstance(value, Hash):
        return f'"{value}"'
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _of_numpy(value: Any, numpy: Any) -> str:
    if isinstance(value, numpy.ndarray):
        # Each item as a scalar of its own type: `tolist` would widen floats and lose units of time.
        return dumped(value[()]) if value.ndim == 0 else "[" + ",".join(map(dumped, value)) + "]"
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        # Of NumPy's classes, timedelta64 is an integer.
        return _time_of_numpy(value, numpy)
    if isinstance(value, numpy.bool_):
        return "true" if value else "false"
    if isinstance(value, numpy.integer):
        return str(int(value))
    if isinstance(value, numpy.floating):
        text = numpy.format_float_positional(value, unique=True, trim="0")
        return _float(
            value, text if len(text) <= _LONGEST_POSITIONAL else numpy.format_float_scientific(value, trim="0")
        )
    item = value.item()
    if isinstance(item, numpy.generic):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return dumped(item)


_LONGEST_POSITIONAL = 22


def _time_of_numpy(value: Any, numpy: Any) -> str:
    if numpy.isnat(value):
        return "null"
    if isinstance(value, numpy.datetime64):
        unit = numpy.datetime_data(value.dtype)[0]
        if unit in ("Y", "M", "D", "W"):
            return f'"{value.astype("datetime64[D]")}"'
        text = str(value.astype("datetime64[s]") if unit in ("h", "m") else value)
        return f'"{_in_groups(text)}"'
    unit, count = numpy.datetime_data(value.dtype)
    if unit not in _NANOSECONDS:
        raise TypeError(f"a timedelta64 in units of {unit!r} is not a length of time")
    return f'"{_seconds(int(value.astype(numpy.int64)) * count * _NANOSECONDS[unit])}"'


_NANOSECONDS = {
    "W": 604_800 * 10**9, "D": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 1000, "ns": 1,
}  # fmt: skip


def _date_time(value: dt.datetime) -> str:
    zoned = value.tzinfo is not None and value.utcoffset() is not None
    if zoned:
        value = value.astimezone(dt.UTC)
    text = value.replace(tzinfo=None).isoformat()
    return _in_groups(text) + ("Z" if zoned else "")


def _time(value: dt.time) -> str:
    offset = "" if value.tzinfo is None else value.isoformat()[len(value.replace(tzinfo=None).isoformat()) :]
    return _without_zeros(value.replace(tzinfo=None).isoformat()) + offset


def _without_zeros(text: str) -> str:
    """The text of a time without zeros at the end of its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _in_groups(text: str) -> str:
    """The text of a timestamp with 0, 3, 6 or 9 digits of its fraction."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}{'0' * (-len(fraction) % 3)}" if fraction else whole


def _duration(value: dt.timedelta) -> str:
    nanoseconds = getattr(value, "nanoseconds", 0)  # of pandas
    return _seconds(((value.days * 86_400 + value.seconds) * 10**6 + value.microseconds) * 1000 + nanoseconds)


def _seconds(nanoseconds: int) -> str:
    whole, fraction = divmod(abs(nanoseconds), 10**9)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"PT{'-' if nanoseconds < 0 else ''}{whole}{digits}S"

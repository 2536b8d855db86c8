"""Statistics of a leaf in a row group, by which readers leave out row groups."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from lakebed.pure.columns.encodings import BOOLEAN, BYTES, DOUBLE, FIXED, INT32
from lakebed.pure.parquet.schema import LeafType
from lakebed.pure.parquet.thrift import I64, Flag, Struct, Text

__all__ = ["statistics"]

_MOST: Final = 16
"""Bytes of a long text that are said."""


def statistics(kind: LeafType, found: Sequence[Any], nulls: int) -> Struct:
    """Those of values; `nulls` entries have none."""
    if not found or not kind.is_ordered:
        return Struct({3: I64(nulls)})
    if kind.physical == BYTES:
        return _of_texts(min(found), max(found), nulls)
    if kind.physical == FIXED:
        numbers = [int.from_bytes(value, "big", signed=True) for value in found]
        least, most = (number.to_bytes(16, "big", signed=True) for number in (min(numbers), max(numbers)))
    elif not kind.is_signed:
        least, most = (_plain(kind, pick(found, key=lambda value: value % (1 << 64))) for pick in (min, max))
    elif kind.physical == DOUBLE:
        # -0.0 and 0.0 are equal, and readers take the wider range.
        least, most = (_plain(kind, value or zero) for value, zero in ((min(found), -0.0), (max(found), 0.0)))
    else:
        least, most = _plain(kind, min(found)), _plain(kind, max(found))
    return _said(nulls, least, most, True, True)


def _said(nulls: int, least: bytes, most: bytes | None, is_least: bool, is_most: bool) -> Struct:
    return Struct(
        {
            3: I64(nulls),
            5: None if most is None else Text(most),
            6: Text(least),
            7: None if most is None else Flag(is_most),
            8: Flag(is_least),
        }
    )


def _plain(kind: LeafType, value: Any) -> bytes:
    if kind.physical == BOOLEAN:
        return bytes([value])
    if kind.physical == INT32:
        return struct.pack("<i", value)
    if kind.physical == DOUBLE:
        return struct.pack("<d", value)
    return struct.pack("<q", value)


def _of_texts(least: bytes, most: bytes, nulls: int) -> Struct:
    cut = least if len(least) <= _MOST else _begin(least)
    above = most if len(most) <= _MOST else _above(_begin(most))
    return _said(nulls, cut, above, cut == least, above == most)


def _begin(text: bytes) -> bytes:
    """The first characters of a text."""
    return text[:_MOST].decode(errors="ignore").encode()


def _above(text: bytes) -> bytes | None:
    """A short text above all that begin with this one: None where there is none."""
    for at in range(len(text) - 1, -1, -1):
        if text[at] < 0x7F:
            return text[:at] + bytes([text[at] + 1])
    return None

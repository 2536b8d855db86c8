"""Thrift's compact protocol, as far as the headers and the footer of a Parquet file need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lakebed.pure.format.coding import put_varint, put_zigzag

__all__ = ["I8", "I32", "I64", "Flag", "Items", "Struct", "Text", "encoded"]

_TRUE, _FALSE, _I8, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 5, 6, 8, 9, 12


class I8(NamedTuple):
    """An integer of 8 bits."""

    value: int


class I32(NamedTuple):
    """An integer of 32 bits."""

    value: int


class I64(NamedTuple):
    """An integer of 64 bits."""

    value: int


class Flag(NamedTuple):
    """A boolean."""

    value: bool


class Text(NamedTuple):
    """A text, or bytes."""

    value: str | bytes


class Items(NamedTuple):
    """A list of values of one kind."""

    kind: type
    value: Sequence[Any]


class Struct(NamedTuple):
    """Fields by their numbers, in ascending order; those that are None are left out."""

    value: dict[int, Any]


_CODES = {I8: _I8, I32: _I32, I64: _I64, Flag: _TRUE, Text: _BINARY, Items: _LIST, Struct: _STRUCT}


def encoded(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _put(out, struct)
    return bytes(out)


def _put(out: bytearray, value: Any) -> None:
    match value:
        case Struct(fields):
            before = 0
            for number, field in fields.items():
                if field is None:
                    continue
                code = _CODES[type(field)]
                if isinstance(field, Flag) and not field.value:
                    code = _FALSE
                if number - before <= 15:
                    out.append(number - before << 4 | code)
                else:
                    out.append(code)
                    put_zigzag(out, number)
                if not isinstance(field, Flag):
                    _put(out, field)
                before = number
            out.append(0)
        case Items(kind, items):
            if len(items) < 15:
                out.append(len(items) << 4 | _CODES[kind])
            else:
                out.append(0xF0 | _CODES[kind])
                put_varint(out, len(items))
            for item in items:
                _put(out, item)
        case Text(text):
            data = text.encode() if isinstance(text, str) else text
            put_varint(out, len(data))
            out += data
        case I8(number):
            out.append(number & 0xFF)
        case I32(number) | I64(number):
            put_zigzag(out, number)

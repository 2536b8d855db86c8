"""Columns of Arrow: their fields, and arrays made from values of Python. Nothing here knows of JSON or C."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

__all__ = [
    "Array",
    "Field",
    "binary",
    "booleans",
    "decimals",
    "doubles",
    "int32s",
    "int64s",
    "lists",
    "maps",
    "structs",
    "text_views",
    "texts",
    "uint64s",
]


@dataclass(frozen=True)
class Field:
    """The name and type of a column."""

    name: str
    format: str
    """The type as Arrow's C interface writes it."""
    children: tuple[Field, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    nullable: bool = True


@dataclass
class Array:
    """The values of a column."""

    length: int
    nulls: int
    buffers: list[bytes | None]
    children: list[Array] = field(default_factory=list)


def _validity(values: Sequence[Any]) -> tuple[int, bytes | None]:
    """How many values are None, and the bitmap of the others; no bitmap without any."""
    nulls = values.count(None)
    return nulls, _bits(value is not None for value in values) if nulls else None


def _bits(flags: Iterable[bool]) -> bytes:
    digits = "".join(["1" if flag else "0" for flag in flags])
    return int(digits[::-1] or "0", 2).to_bytes(len(digits) // 8 + 1, "little")


def _numbers(values: Sequence[Any], code: str, zero: float) -> Array:
    nulls, valid = _validity(values)
    if nulls:
        values = [zero if value is None else value for value in values]
    return Array(len(values), nulls, [valid, array(code, values).tobytes()])


def int64s(values: Sequence[int | None]) -> Array:
    """64-bit integers."""
    return _numbers(values, "q", 0)


def uint64s(values: Sequence[int | None]) -> Array:
    """Unsigned 64-bit integers."""
    return _numbers(values, "Q", 0)


def int32s(values: Sequence[int | None]) -> Array:
    """32-bit integers."""
    return _numbers(values, "i", 0)


def doubles(values: Sequence[float | None]) -> Array:
    """Doubles."""
    return _numbers(values, "d", 0.0)


def decimals(values: Sequence[int | None]) -> Array:
    """Decimals of 128 bits without a fraction."""
    nulls, valid = _validity(values)
    return Array(
        len(values), nulls, [valid, b"".join([(value or 0).to_bytes(16, "little", signed=True) for value in values])]
    )


def booleans(values: Sequence[bool | None]) -> Array:
    """Booleans."""
    nulls, valid = _validity(values)
    return Array(len(values), nulls, [valid, _bits(bool(value) for value in values)])


def texts(values: Sequence[str | None]) -> Array:
    """Strings. Raises `OverflowError` above 2 GiB."""
    return binary([None if value is None else value.encode() for value in values])


def binary(values: Sequence[bytes | None]) -> Array:
    """Bytes, or strings in UTF-8. Raises `OverflowError` above 2 GiB."""
    nulls, valid = _validity(values)
    present = [value or b"" for value in values] if nulls else values
    data = b"".join(present)  # type: ignore[arg-type]  # without None
    return Array(len(values), nulls, [valid, _offsets(map(len, present)), data])  # type: ignore[arg-type]


def _offsets(lengths: Iterable[int]) -> bytes:
    return array("i", accumulate(lengths, initial=0)).tobytes()


_INLINE = 12


def text_views(values: Sequence[bytes | None]) -> Array:
    """Strings in UTF-8 as views into one buffer; short ones are in the view. Raises `OverflowError` above 2 GiB."""
    nulls, valid = _validity(values)
    views: list[bytes] = []
    long: list[bytes] = []
    at = 0
    for value in values:
        data = value or b""
        length = len(data).to_bytes(4, "little")
        if len(data) <= _INLINE:
            views.append(length + data.ljust(_INLINE, b"\0"))
            continue
        views.append(length + data[:4] + bytes(4) + at.to_bytes(4, "little", signed=True))
        long.append(data)
        at += len(data)
    whole = b"".join(long)
    return Array(len(values), nulls, [valid, b"".join(views), whole, array("q", [len(whole)]).tobytes()])


def lists(values: Sequence[Sequence[Any] | None], elements: Callable[[list[Any]], Array]) -> Array:
    """Lists; `elements` makes the array of all elements."""
    nulls, valid = _validity(values)
    present = [value for value in values if value]
    inner = elements([element for value in present for element in value])
    return Array(len(values), nulls, [valid, _offsets(len(value or ()) for value in values)], [inner])


def structs(values: Sequence[tuple[Any, ...] | None], fields: Sequence[Callable[[list[Any]], Array]]) -> Array:
    """Structs, each a tuple; `fields` make the arrays of their fields."""
    nulls, valid = _validity(values)
    if nulls:
        nothing = (None,) * len(fields)
        values = [nothing if value is None else value for value in values]
    children = [make([value[place] for value in values]) for place, make in enumerate(fields)]  # type: ignore[index]
    return Array(len(values), nulls, [valid], children)


def maps(values: Sequence[Sequence[tuple[str, Any]] | None], of_value: Callable[[list[Any]], Array]) -> Array:
    """Maps from strings, each a sequence of pairs."""
    return lists(values, lambda pairs: structs(pairs, (texts, of_value)))

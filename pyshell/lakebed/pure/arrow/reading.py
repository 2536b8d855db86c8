"""Arrow streams of others, read through Arrow's C interface: columns as numbers, bytes and bits."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lakebed.errors import BadRecord
from lakebed.pure.arrow.interface import ArrowArray, ArrowSchema, stream_of

__all__ = ["Column", "Type", "batches"]

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass
class Type:
    """A field of a schema."""

    name: str
    format: str
    metadata: dict[str, str]
    children: list[Type]
    dictionary: Type | None

    @classmethod
    def of(cls, schema: ArrowSchema) -> Type:
        """From the struct of the interface."""
        children = [cls.of(schema.children[place].contents) for place in range(schema.n_children)]
        dictionary = cls.of(schema.dictionary.contents) if schema.dictionary else None
        return cls(
            (schema.name or b"").decode("utf-8", "replace"),
            schema.format.decode(),
            _metadata(schema.metadata_address),
            children,
            dictionary,
        )


def _metadata(address: int | None) -> dict[str, str]:
    if not address:
        return {}
    found: dict[str, str] = {}
    at = address

    def number() -> int:
        nonlocal at
        at += 4
        return int.from_bytes(ctypes.string_at(at - 4, 4), "little", signed=True)

    def text() -> str:
        nonlocal at
        length = number()
        at += length
        return ctypes.string_at(at - length, length).decode("utf-8", "replace")

    for _ in range(number()):
        key = text()
        found[key] = text()
    return found


class Column:
    """An array of a batch: it is only valid while the batch is."""

    def __init__(self, type: Type, struct: ArrowArray, start: int = 0, length: int | None = None) -> None:
        """`start` and `length`: a part of it."""
        self.type = type
        self._struct = struct
        self.length = struct.length if length is None else length
        self._offset = struct.offset + start

    def child(self, place: int, start: int = 0, length: int | None = None) -> Column:
        """A child array, or a part of it."""
        return Column(self.type.children[place], self._struct.children[place].contents, start, length)

    def part_of_child(self, place: int) -> Column:
        """The part of a child that goes with this array, where the child has as many values."""
        return self.child(place, self._offset, self.length)

    @property
    def dictionary(self) -> Column:
        """The values of a dictionary."""
        assert self.type.dictionary is not None
        return Column(self.type.dictionary, self._struct.dictionary.contents)

    @property
    def offset(self) -> int:
        """Where it begins in its buffers."""
        return int(self._offset)

    def is_valid(self, place: int) -> bool:
        """Whether a value is not NULL."""
        address = self._struct.buffers[0]
        if not address:
            return True
        at = self._offset + place
        return bool(ctypes.string_at(address + at // 8, 1)[0] >> at % 8 & 1)

    def validity(self) -> list[bool]:
        """For each value whether it is not NULL."""
        if self._struct.null_count == 0 or not self._struct.n_buffers or not self._struct.buffers[0]:
            return [True] * self.length
        return self.bits(0)

    def bits(self, buffer: int) -> list[bool]:
        """The bits of a buffer, one for each value."""
        if not self.length:
            return []
        first, last = self._offset // 8, (self._offset + self.length + 7) // 8
        data = ctypes.string_at(self._struct.buffers[buffer] + first, last - first)
        begin = self._offset % 8
        digits = f"{int.from_bytes(data, 'little') | 1 << len(data) * 8:b}"[:0:-1]
        return [digit == "1" for digit in digits[begin : begin + self.length]]

    def data(self, buffer: int, width: int, more: int = 0) -> bytes:
        """The bytes of a buffer, so many for each value, and for some more."""
        count = (self.length + more) * width
        if not count:
            return b""
        return ctypes.string_at(self._struct.buffers[buffer] + self._offset * width, count)

    def numbers(self, buffer: int, code: str, more: int = 0) -> list[Any]:
        """The numbers of a buffer, of a type of `array`."""
        found: array[Any] = array(code)
        found.frombytes(self.data(buffer, found.itemsize, more))
        return found.tolist()

    def wide(self, buffer: int, width: int) -> list[int]:
        """The signed integers of so many bytes of a buffer."""
        data = self.data(buffer, width)
        return [int.from_bytes(data[at : at + width], "little", signed=True) for at in range(0, len(data), width)]

    def texts(self, code: str) -> list[bytes]:
        """Strings or bytes with offsets of a type of `array`."""
        offsets = self.numbers(1, code, 1)
        if not self.length:
            return []
        base = offsets[0]
        size = offsets[-1] - base
        data = ctypes.string_at(self._struct.buffers[2] + base, size) if size else b""
        return [data[one - base : other - base] for one, other in pairwise(offsets)]

    def views(self) -> list[bytes]:
        """Strings or bytes as views."""
        data = self.data(1, 16)
        found = []
        for at in range(0, len(data), 16):
            length = int.from_bytes(data[at : at + 4], "little")
            if length <= 12:
                found.append(data[at + 4 : at + 4 + length])
                continue
            buffer = int.from_bytes(data[at + 8 : at + 12], "little")
            offset = int.from_bytes(data[at + 12 : at + 16], "little")
            found.append(ctypes.string_at(self._struct.buffers[2 + buffer] + offset, length))
        return found


def batches(table: Any) -> tuple[list[Type], Iterator[list[Column]]]:
    """The columns of a table with `__arrow_c_stream__`, and its batches, each only valid until the next. Raises
    `BadRecord` where the table cannot be read."""
    capsule = table.__arrow_c_stream__()
    stream = stream_of(capsule)
    schema = ArrowSchema()
    _checked(stream, stream.get_schema(ctypes.pointer(stream), ctypes.pointer(schema)))
    root = Type.of(schema)
    schema.release(ctypes.pointer(schema))
    return root.children, _read(stream, root, capsule)


def _read(stream: Any, root: Type, capsule: object) -> Iterator[list[Column]]:
    try:
        while True:
            batch = ArrowArray()
            _checked(stream, stream.get_next(ctypes.pointer(stream), ctypes.pointer(batch)))
            if not batch.release:
                return
            try:
                whole = Column(root, batch)
                yield [whole.part_of_child(place) for place in range(len(root.children))] or [whole]
            finally:
                batch.release(ctypes.pointer(batch))
    finally:
        if stream.release:
            stream.release(ctypes.pointer(stream))
        del capsule


def _checked(stream: Any, result: int) -> None:
    if result:
        text = stream.get_last_error(ctypes.pointer(stream))
        why = ctypes.string_at(text).decode("utf-8", "replace") if text else f"error {result}"
        raise BadRecord(f"The table could not be read: {why}")

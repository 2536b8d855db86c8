"""Integers, varints and texts: the notation of the format."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

__all__ = ["HASH_BYTES", "Bytes", "Malformed", "Reader", "aligned", "padding", "put_str", "put_varint", "put_zigzag"]

Bytes: TypeAlias = bytes | bytearray | memoryview

HASH_BYTES: Final = 32
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_I64 = struct.Struct("<q")


class Malformed(Exception):
    """Bytes that are not the structure that was expected. The message says what is wrong, without the place."""


def aligned(offset: int, unit: int) -> int:
    """The next multiple of `unit`, a power of two, that is not below `offset`."""
    return (offset + unit - 1) & -unit


def padding(offset: int, unit: int) -> bytes:
    """The zeros from `offset` to the next multiple of `unit`."""
    return bytes(-offset % unit)


def put_varint(out: bytearray, value: int) -> None:
    """Append a number below 2^64 as a varint."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_zigzag(out: bytearray, value: int) -> None:
    """Append a signed number as a zigzag varint."""
    put_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)


def put_str(out: bytearray, text: str) -> None:
    """Append a text: its length in bytes, and its UTF-8."""
    data = text.encode()
    put_varint(out, len(data))
    out += data


class Reader:
    """Reads values one after the other from `data[at:end]`. Each method raises `Malformed` at the end of the bytes."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: Bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        at = self.at
        if count > self.end - at:
            raise Malformed("it ends too early")
        self.at = at + count
        return bytes(self.data[at : at + count])

    def u8(self) -> int:
        if self.at >= self.end:
            raise Malformed("it ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def u16(self) -> int:
        return int(_U16.unpack(self.take(2))[0])

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def i64(self) -> int:
        return int(_I64.unpack(self.take(8))[0])

    def varint(self) -> int:
        data, at, end = self.data, self.at, self.end
        if at >= end:
            raise Malformed("it ends too early")
        byte = data[at]
        at += 1
        if byte < 0x80:
            self.at = at
            return byte
        value, shift = byte & 0x7F, 7
        while True:
            if at >= end:
                raise Malformed("it ends too early")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                raise Malformed("a varint is too long")
        if byte == 0 or value >> 64:
            raise Malformed("a varint is not in its shortest form, or too large")
        self.at = at
        return value

    def zigzag(self) -> int:
        value = self.varint()
        return value >> 1 if not value & 1 else -(value + 1 >> 1)

    def str(self) -> str:
        try:
            return self.take(self.varint()).decode()
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None

    def hash(self) -> bytes:
        return self.take(HASH_BYTES)

    def zeros(self, count: int) -> None:
        """Skip bytes that must be zero."""
        if any(self.take(count)):
            raise Malformed("bytes that must be zero are not")

    @property
    def more(self) -> bool:
        """Whether bytes are left."""
        return self.at < self.end

    def done(self) -> None:
        """Raises `Malformed` when bytes are left over."""
        if self.at != self.end:
            raise Malformed("bytes are left over")

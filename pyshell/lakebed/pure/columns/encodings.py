"""Parquet's encodings: levels and values of a page, from bytes to lists. `Malformed` for bytes that are none."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from lakebed.pure.format.coding import Malformed

__all__ = ["DELTA_BINARY", "DELTA_BYTES", "DELTA_LENGTHS", "DICTIONARY", "PLAIN", "hybrid", "values"]

PLAIN: Final = 0
DICTIONARY: Final = 1
DELTA_BINARY: Final = 2
DELTA_LENGTHS: Final = 3
DELTA_BYTES: Final = 4

BOOLEAN, INT32, INT64, DOUBLE, BYTES, FIXED = range(6)
_FORMATS: Final = {INT32: "i", INT64: "q", DOUBLE: "d"}
_WIDTH: Final = 16
"""Bytes of a FIXED_LEN_BYTE_ARRAY."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next byte is."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a page is cut")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _unpacked(data: bytes, width: int, count: int) -> list[int]:
    """Numbers of `width` bits each, the lowest bits first."""
    if width == 0:
        return [0] * count
    if width == 8:
        return list(data[:count])
    whole, mask = int.from_bytes(data, "little"), (1 << width) - 1
    return [whole >> shift & mask for shift in range(0, count * width, width)]


def hybrid(data: bytes, width: int, count: int) -> list[int]:
    """`count` numbers in the encoding RLE: runs of one value, and packed ones."""
    found: list[int] = []
    at, size = 0, (width + 7) // 8
    while len(found) < count:
        head, at = _varint(data, at)
        if head & 1:
            length = (head >> 1) * width
            packed = data[at : at + length]
            # The last bytes of a packed run may be left out.
            at += length
            groups = min((head >> 1) * 8, count - len(found))
            if len(packed) * 8 < groups * width:
                raise Malformed("a page is cut")
            found += _packed(packed, width, groups)
        else:
            if at + size > len(data) or not head >> 1:
                raise Malformed("a page is cut")
            found += [int.from_bytes(data[at : at + size], "little")] * min(head >> 1, count - len(found))
            at += size
    return found


def _packed(data: bytes, width: int, count: int) -> list[int]:
    """Packed numbers, by pieces: shifting a long number costs its length."""
    piece = 8 * 64
    if count <= piece:
        return _unpacked(data, width, count)
    found: list[int] = []
    for start in range(0, count, piece):
        found += _unpacked(data[start * width // 8 : (start + piece) * width // 8], width, min(piece, count - start))
    return found


def delta_binary(data: bytes, at: int, bits: int) -> tuple[list[int], int]:
    """The numbers of a DELTA_BINARY_PACKED sequence of signed integers of `bits` bits, and where it ends."""
    block, at = _varint(data, at)
    minis, at = _varint(data, at)
    count, at = _varint(data, at)
    first, at = _varint(data, at)
    if not minis or block % minis or block // minis % 32 or count > len(data) * block:
        raise Malformed("a page has an impossible block of differences")
    per, half, wrap = block // minis, 1 << bits - 1, 1 << bits
    value = first >> 1 ^ -(first & 1)
    found = [value] if count else []
    while len(found) < count:
        least, at = _varint(data, at)
        least = least >> 1 ^ -(least & 1)
        widths = data[at : at + minis]
        at += minis
        if len(widths) < minis:
            raise Malformed("a page is cut")
        for width in widths:
            if len(found) >= count:
                break
            packed = data[at : at + per * width // 8]
            at += per * width // 8
            wanted = min(per, count - len(found))
            if width > 64 or len(packed) * 8 < wanted * width:
                raise Malformed("a page is cut")
            for step in _packed(packed, width, wanted):
                value = (value + least + step + half) % wrap - half
                found.append(value)
    return found, at


def _cut(data: bytes, at: int, lengths: list[int]) -> list[bytes]:
    """Texts that follow each other."""
    found = []
    for length in lengths:
        if length < 0 or at + length > len(data):
            raise Malformed("a page is cut")
        found.append(data[at : at + length])
        at += length
    return found


def _plain(data: bytes, type: int, count: int) -> list[Any]:
    if type == BOOLEAN:
        if len(data) * 8 < count:
            raise Malformed("a page is cut")
        return [bool(data[place >> 3] >> (place & 7) & 1) for place in range(count)]
    if type == BYTES:
        found, at = [], 0
        for _ in range(count):
            if at + 4 > len(data):
                raise Malformed("a page is cut")
            (length,) = struct.unpack_from("<I", data, at)
            if at + 4 + length > len(data):
                raise Malformed("a page is cut")
            found.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        return found
    width = _WIDTH if type == FIXED else 4 if type == INT32 else 8
    if len(data) < count * width:
        raise Malformed("a page is cut")
    if type == FIXED:
        return [data[at : at + width] for at in range(0, count * width, width)]
    return list(struct.unpack_from(f"<{count}{_FORMATS[type]}", data))


def _delta_lengths(data: bytes) -> list[bytes]:
    lengths, at = delta_binary(data, 0, 32)
    return _cut(data, at, lengths)


def _delta_bytes(data: bytes) -> list[bytes]:
    shared, at = delta_binary(data, 0, 32)
    lengths, at = delta_binary(data, at, 32)
    if len(shared) != len(lengths):
        raise Malformed("a page has not one suffix for each prefix")
    found, before = [], b""
    for same, suffix in zip(shared, _cut(data, at, lengths), strict=True):
        if not 0 <= same <= len(before):
            raise Malformed("a prefix is longer than the text before")
        before = before[:same] + suffix
        found.append(before)
    return found


def values(data: bytes, type: int, encoding: int, count: int, dictionary: Callable[[], list[Any]]) -> list[Any]:
    """`count` values of a leaf of that physical type. `dictionary` gives the entries of the chunk's dictionary.

    Raises `Malformed`.
    """
    if not count:
        return []
    if encoding == PLAIN:
        return _plain(data, type, count)
    if encoding == DICTIONARY:
        entries = dictionary()
        if not data or data[0] > 32:
            raise Malformed("a page is cut")
        places = hybrid(data[1:], data[0], count)
        if max(places) >= len(entries):
            raise Malformed("a value is not in the dictionary")
        return [entries[place] for place in places]
    found: list[Any]
    if encoding == DELTA_BINARY and type in (INT32, INT64):
        found = delta_binary(data, 0, 32 if type == INT32 else 64)[0]
    elif encoding == DELTA_LENGTHS and type == BYTES:
        found = list(_delta_lengths(data))
    elif encoding == DELTA_BYTES and type in (BYTES, FIXED):
        found = list(_delta_bytes(data))
    else:
        raise Malformed("a page has an encoding that its type does not have")
    if len(found) < count:
        raise Malformed("a page has fewer values than it says")
    return found[:count]

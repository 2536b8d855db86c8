"""Parquet's encodings: levels and values, from lists to the bytes of a page. `lakebed.pure.columns.encodings` reads
them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Final

from lakebed.pure.columns.encodings import (
    BOOLEAN,
    BYTES,
    DELTA_BINARY,
    DELTA_BYTES,
    DELTA_LENGTHS,
    DOUBLE,
    FIXED,
    INT32,
    INT64,
    PLAIN,
)
from lakebed.pure.format.coding import put_varint, put_zigzag

__all__ = ["encodings_of", "hybrid", "values"]

_FORMATS: Final = {INT32: "i", INT64: "q", DOUBLE: "d"}
_BLOCK: Final = 128
"""Differences of a block of DELTA_BINARY_PACKED."""
_MINI: Final = 32
"""Differences of a part of a block, which have a width of their own."""


def _packed(numbers: Sequence[int], width: int) -> bytes:
    """Numbers of `width` bits each, the lowest bits first, filled up to whole bytes."""
    if width == 8:
        return bytes(numbers)
    whole = 0
    for place, number in enumerate(numbers):
        whole |= number << place * width
    return whole.to_bytes((len(numbers) * width + 7) // 8, "little")


def hybrid(numbers: Sequence[int], width: int) -> bytes:
    """Numbers of at most `width` bits in the encoding RLE: runs of one number, and packed ones."""
    out = bytearray()
    loose: list[int] = []

    def pack() -> None:
        for start in range(0, len(loose), 504):
            piece = loose[start : start + 504]
            groups = (len(piece) + 7) // 8
            put_varint(out, groups << 1 | 1)
            piece += [0] * (groups * 8 - len(piece))
            out.extend(_packed(piece, width))
        loose.clear()

    for number, run in groupby(numbers):
        count = sum(1 for _ in run)
        # Packed numbers come in groups of eight.
        missing = -len(loose) % 8
        if count - missing < 8:
            loose.extend([number] * count)
            continue
        loose.extend([number] * missing)
        pack()
        put_varint(out, count - missing << 1)
        out += number.to_bytes((width + 7) // 8, "little")
    pack()
    return bytes(out)


def _delta_binary(numbers: Sequence[int], bits: int) -> bytes:
    out = bytearray()
    for head in (_BLOCK, _BLOCK // _MINI, len(numbers)):
        put_varint(out, head)
    put_zigzag(out, numbers[0] if numbers else 0)
    half, wrap = 1 << bits - 1, 1 << bits
    steps = [(after - before + half) % wrap - half for before, after in pairwise(numbers)]
    for start in range(0, len(steps), _BLOCK):
        block = steps[start : start + _BLOCK]
        least = min(block)
        put_zigzag(out, least)
        minis = [[step - least for step in block[at : at + _MINI]] for at in range(0, len(block), _MINI)]
        widths = [max(mini).bit_length() for mini in minis]
        out += bytes(widths).ljust(_BLOCK // _MINI, b"\0")
        for mini, width in zip(minis, widths, strict=True):
            out += _packed(mini + [0] * (_MINI - len(mini)), width)
    return bytes(out)


def _delta_lengths(texts: Sequence[bytes]) -> bytes:
    return _delta_binary([len(text) for text in texts], 32) + b"".join(texts)


def _delta_bytes(texts: Sequence[bytes]) -> bytes:
    shared = [0, *(_shared(before, after) for before, after in pairwise(texts))][: len(texts)]
    return _delta_binary(shared, 32) + _delta_lengths([text[same:] for text, same in zip(texts, shared, strict=True)])


def _shared(before: bytes, after: bytes) -> int:
    """The length of what both begin with."""
    most = min(len(before), len(after))
    if before[:most] == after[:most]:
        return most
    at = 0
    while before[at] == after[at]:
        at += 1
    return at


def _plain(found: Sequence[Any], type: int) -> bytes:
    if type == BOOLEAN:
        return _packed(found, 1)
    if type == BYTES:
        return b"".join(part for text in found for part in (len(text).to_bytes(4, "little"), text))
    if type == FIXED:
        return b"".join(found)
    return struct.pack(f"<{len(found)}{_FORMATS[type]}", *found)


def encodings_of(type: int) -> tuple[int, ...]:
    """The encodings that values of a physical type may have, besides a dictionary."""
    if type == BYTES:
        return PLAIN, DELTA_LENGTHS, DELTA_BYTES
    return (PLAIN, DELTA_BINARY) if type in (INT32, INT64) else (PLAIN,)


def values(found: Sequence[Any], type: int, encoding: int) -> bytes:
    """The bytes of values of a physical type."""
    if encoding == DELTA_BINARY:
        return _delta_binary(found, 32 if type == INT32 else 64)
    if encoding == DELTA_LENGTHS:
        return _delta_lengths(found)
    return _delta_bytes(found) if encoding == DELTA_BYTES else _plain(found, type)

"""Row batches, and the columns of numbers in them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_varint
from lakebed.pure.format.ids import LIMIT

__all__ = ["LARGEST", "RowBatch", "decode_column", "encode_column"]

LARGEST: Final = 1 << 16
"""Rows in a batch."""


def encode_column(values: Iterable[int]) -> bytes:
    """The tokens of a column."""
    out = bytearray()
    running = following = 0
    for value in values:
        if value == running + 1:
            following += 1
        else:
            if following:
                put_varint(out, following << 1)
                following = 0
            step = value - running
            put_varint(out, (step << 1 if step >= 0 else (-step << 1) - 1) << 1 | 1)
        running = value
    if following:
        put_varint(out, following << 1)
    return bytes(out)


def decode_column(data: Bytes, rows: int) -> list[int]:
    """The values that the tokens of a column stand for: exactly `rows` of them. Raises `Malformed`."""
    values: list[int] = []
    running, left = 0, rows
    reader = Reader(data)
    while reader.more:
        token = reader.varint()
        if token & 1:
            zigzag = token >> 1
            running += zigzag >> 1 if not zigzag & 1 else -(zigzag + 1 >> 1)
            if running < 0:
                raise Malformed("a value of a column is below zero")
            values.append(running)
            left -= 1
        else:
            count = token >> 1
            if not 0 < count <= left:
                raise Malformed("a column has more values than rows")
            values.extend(range(running + 1, running + 1 + count))
            running += count
            left -= count
        if left < 0 or running >= LIMIT:
            raise Malformed("a column has more values than rows, or too large ones")
    if left:
        raise Malformed("a column has fewer values than rows")
    return values


class RowBatch(NamedTuple):
    """Rows of one collection with consecutive sequence numbers, one file and one time."""

    collection: int
    first_seq: int
    blobs: list[int]
    """The blob id of each row."""
    file: int
    """0: the rows have no file and no line numbers."""
    lines: list[int]
    time: int
    commit: int | None
    """The commit that added the rows; None in segments of format 1."""

    def encode(self, salt: int, offset: int) -> bytes:
        """The batch at `offset` of a file with this salt."""
        body = bytearray()
        put_varint(body, self.collection)
        put_varint(body, self.first_seq)
        put_varint(body, len(self.blobs))
        put_varint(body, self.file)
        body += struct.pack("<q", self.time)
        if self.commit is not None:
            put_varint(body, self.commit)
        lines = encode_column(self.lines)
        put_varint(body, len(lines))
        body += lines
        body += encode_column(self.blobs)
        covered = bytearray()
        put_varint(covered, len(body))
        covered += body
        return struct.pack("<Q", checksum(salt, offset + 8, covered)) + covered

    @classmethod
    def decode(cls, data: Bytes, salt: int, offset: int, has_commit: bool) -> RowBatch:
        """The batch that `data` is, at `offset`. Raises `Malformed`."""
        reader = Reader(data)
        stored = reader.u64()
        if checksum(salt, offset + 8, memoryview(data)[8:]) != stored:
            raise Malformed("the checksum of a row batch is wrong")
        if reader.varint() != reader.end - reader.at:
            raise Malformed("the length of a row batch is wrong")
        collection, first_seq, rows, file = reader.varint(), reader.varint(), reader.varint(), reader.varint()
        time = reader.i64()
        commit = reader.varint() if has_commit else None
        if not 0 < rows <= LARGEST or first_seq + rows > LIMIT:
            raise Malformed("a row batch has too many rows, or none")
        column = reader.take(reader.varint())
        if bool(column) != bool(file):
            raise Malformed("a row batch has line numbers without a file, or a file without them")
        lines = decode_column(column, rows) if file else []
        blobs = decode_column(memoryview(data)[reader.at : reader.end], rows)
        return cls(collection, first_seq, blobs, file, lines, time, commit)

    @staticmethod
    def length_at(data: Bytes) -> int:
        """The length of the whole batch that begins `data`, of which 18 bytes are enough. Raises `Malformed`."""
        reader = Reader(data, 8)
        length = reader.varint()
        return reader.at + length

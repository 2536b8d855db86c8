"""A segment of one large blob."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, aligned
from lakebed.pure.format.footer import UNIT

__all__ = ["BLOCK", "FIRST_BLOCK", "SMALLEST", "BlockEntry", "LargeTrailer", "file_length"]

FIRST_BLOCK: Final = 4096
"""Offset of the first block."""
BLOCK: Final = 1 << 20
"""Bytes of the blob in a block."""
SMALLEST: Final = (16 << 20) + 1
"""Bytes of the smallest blob that has a segment of its own."""
TRAILER_SIZE: Final = 64
MAGIC: Final = b"LKLARGE\n"
_ENTRY = struct.Struct("<QIIQ")
_LAYOUT = struct.Struct("<8sQQQQQQQ")


def file_length(length: int, stored: int) -> int:
    """Bytes of the file of a blob of `length` bytes, the blocks of which take `stored` bytes."""
    table = aligned(FIRST_BLOCK + stored, 8)
    blocks = (length + BLOCK - 1) // BLOCK
    return aligned(table + blocks * _ENTRY.size + TRAILER_SIZE, UNIT)


class BlockEntry(NamedTuple):
    """A block in the block table."""

    offset: int
    stored: int
    checksum: int

    @staticmethod
    def encode(entries: Iterable[BlockEntry]) -> bytes:
        return b"".join(_ENTRY.pack(entry.offset, entry.stored, 0, entry.checksum) for entry in entries)

    @classmethod
    def decode(cls, data: Bytes) -> list[BlockEntry]:
        """Raises `Malformed`."""
        entries = []
        at = FIRST_BLOCK
        for offset, stored, zero, digest in _ENTRY.iter_unpack(data):
            if zero or offset != at:
                raise Malformed("the block table of a large blob is wrong")
            at += stored
            entries.append(cls(offset, stored, digest))
        return entries


class LargeTrailer(NamedTuple):
    """The last 64 bytes of the segment."""

    blob: int
    length: int
    """Bytes of the blob."""
    encoding: int
    """0: every block is raw; 1: blocks that are not as long as their part of the blob are zstd frames."""
    table: int
    """Offset of the block table."""
    blocks: int
    table_checksum: int

    @property
    def table_length(self) -> int:
        return self.blocks * _ENTRY.size

    def encode(self, salt: int, offset: int) -> bytes:
        """The trailer at `offset`."""
        head = _LAYOUT.pack(MAGIC, *self, 0)[:56]
        return head + struct.pack("<Q", checksum(salt, offset, head))

    @classmethod
    def decode(cls, data: Bytes, salt: int, offset: int) -> LargeTrailer:
        """The trailer at `offset`. Raises `Malformed`."""
        if len(data) != TRAILER_SIZE:
            raise Malformed("the trailer of a large blob is cut")
        magic, *fields, stored = _LAYOUT.unpack(data)
        if magic != MAGIC or checksum(salt, offset, memoryview(data)[:56]) != stored:
            raise Malformed("the trailer of a large blob is wrong")
        found = cls(*fields)
        if (
            found.encoding > 1
            or found.blocks != (found.length + BLOCK - 1) // BLOCK
            or found.table != aligned(found.table, 8)
            or not FIRST_BLOCK <= found.table <= offset - found.table_length
        ):
            raise Malformed("the trailer of a large blob is wrong")
        return found

"""The trailer of a sealed segment, which leads to its footer."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed
from lakebed.pure.format.header import Header

__all__ = ["MAGIC", "SIZE", "UNIT", "Trailer"]

SIZE: Final = 64
MAGIC: Final = b"LKFOOTER"
UNIT: Final = 16 << 10
"""The length of a sealed segment's file is a multiple of it."""
_LAYOUT = struct.Struct("<8sQQQQQQQ")


class Trailer(NamedTuple):
    """The last 64 bytes of a sealed segment of the rows layout."""

    block: int
    """Offset of the block of the footer."""
    length: int
    """Bytes of the block."""
    last_commit: int
    """Offset of the last COMMIT."""
    segment: int
    blobs: int
    block_checksum: int
    """Header checksum of the block."""

    def encode(self, salt: int, offset: int) -> bytes:
        """The trailer at `offset`."""
        head = _LAYOUT.pack(MAGIC, *self, 0)[:56]
        return head + struct.pack("<Q", checksum(salt, offset, head))

    @classmethod
    def decode(cls, data: Bytes, offset: int, header: Header) -> Trailer:
        """The trailer at `offset` of the segment with this header. Raises `Malformed`."""
        if len(data) != SIZE:
            raise Malformed("the trailer is cut")
        magic, *fields, stored = _LAYOUT.unpack(data)
        if magic != MAGIC:
            raise Malformed("there is no footer")
        if checksum(header.salt, offset, memoryview(data)[:56]) != stored:
            raise Malformed("the checksum of the trailer is wrong")
        found = cls(*fields)
        if found.segment != header.number or not 64 <= found.last_commit < found.block <= offset - found.length:
            raise Malformed("the trailer is of another segment, or leads outside of it")
        return found

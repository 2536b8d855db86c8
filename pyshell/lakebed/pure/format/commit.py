"""COMMIT: the end of a group."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed
from lakebed.pure.format.header import Header

__all__ = ["MAGIC", "SALT_AT", "SIZE", "Commit"]

SIZE: Final = 96
MAGIC: Final = b"LKCOMMIT"
SALT_AT: Final = 56
"""Where it repeats the salt of its segment, behind the number of that."""
_LAYOUT = struct.Struct("<8sQqQQQQQQQQQ")


class Commit(NamedTuple):
    """The last 96 bytes of a group."""

    number: int
    time: int
    group: int
    """Offset of the group."""
    block: int
    """Offset of the index block."""
    block_length: int
    segment: int
    salt: int
    predecessor: int
    """The seal of the COMMIT before; 0 for the first of a store."""
    next_blob: int
    digest: int
    """XXH3-64 with the salt as seed, of the group before this COMMIT."""
    seal: int = 0
    """The last field: the checksum of the others."""

    def encode(self, offset: int) -> tuple[bytes, Commit]:
        """The bytes at `offset`, and the COMMIT with its seal."""
        head = _LAYOUT.pack(MAGIC, *self[:10], 0)[:88]
        seal = checksum(self.salt, offset, head)
        return head + struct.pack("<Q", seal), self._replace(seal=seal)

    @classmethod
    def decode(cls, data: Bytes, offset: int, header: Header) -> Commit:
        """The COMMIT at `offset` of the segment with this header. Raises `Malformed`."""
        if len(data) != SIZE:
            raise Malformed("a COMMIT is cut")
        magic, *fields = _LAYOUT.unpack(data)
        if magic != MAGIC:
            raise Malformed("there is no COMMIT")
        found = cls(*fields)
        if checksum(header.salt, offset, memoryview(data)[:88]) != found.seal:
            raise Malformed("the checksum of a COMMIT is wrong")
        if (found.salt, found.segment) != (header.salt, header.number):
            raise Malformed("a COMMIT is of another segment")
        if not 64 <= found.group <= found.block <= offset or found.block + found.block_length > offset:
            raise Malformed("the offsets of a COMMIT are wrong")
        return found

"""A store-wide run: the fingerprints of many sealed segments, in order."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import array_length, checksum
from lakebed.pure.format.coding import Bytes, Malformed, aligned

__all__ = ["FINGERPRINTS_AT", "HEAD_SIZE", "RunHead"]

HEAD_SIZE: Final = 72
FINGERPRINTS_AT: Final = 4096
"""Offset of the fingerprints."""
MAGIC: Final = b"LKRUN\0\0\n"
_LAYOUT = struct.Struct("<8sQQQQQQQQ")


class RunHead(NamedTuple):
    """The first 72 bytes of a run."""

    number: int
    salt: int
    entries: int
    first_segment: int
    last_segment: int
    width: int
    """Bytes of an id."""
    base: int
    """The id that the others are counted from."""

    @property
    def fingerprint_checksums_at(self) -> int:
        return FINGERPRINTS_AT + self.entries * 8

    @property
    def ids_at(self) -> int:
        return self.fingerprint_checksums_at + array_length(self.entries * 8)

    @property
    def id_checksums_at(self) -> int:
        return aligned(self.ids_at + self.entries * self.width, 8)

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return self.id_checksums_at + array_length(self.entries * self.width)

    def encode(self) -> bytes:
        head = _LAYOUT.pack(MAGIC, *self, 0)[:64]
        return head + struct.pack("<Q", checksum(self.salt, 0, head))

    @classmethod
    def decode(cls, data: Bytes) -> RunHead:
        """Raises `Malformed`."""
        if len(data) < HEAD_SIZE:
            raise Malformed("it is cut")
        magic, *fields, stored = _LAYOUT.unpack_from(data)
        found = cls(*fields)
        if magic != MAGIC or checksum(found.salt, 0, memoryview(data)[:64]) != stored:
            raise Malformed("its header is wrong")
        if not 1 <= found.width <= 8:
            raise Malformed("its ids are too wide")
        return found

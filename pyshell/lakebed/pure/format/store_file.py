"""FORMAT: what makes a directory a store."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed

__all__ = [
    "IS_BACKUP", "MAJOR", "MINOR", "NEWEST_FEATURES", "SEGMENTS_OF_FORMAT_2", "SEGMENTS_OF_FORMAT_5", "SIZE", "StoreFile",
    "TooNew",
]  # fmt: skip

SIZE: Final = 64
MAGIC: Final = b"\x89LKB\r\n\x1a\n"
MAJOR: Final = 1
MINOR: Final = 5
SEGMENTS_OF_FORMAT_2: Final = 1
"""Bit 0 of the incompatible features: new segments have format 2."""
SEGMENTS_OF_FORMAT_5: Final = 2
"""Bit 1 of the incompatible features: new segments have format 5."""
NEWEST_FEATURES: Final = SEGMENTS_OF_FORMAT_2 | SEGMENTS_OF_FORMAT_5
"""The incompatible features of a new store."""
IS_BACKUP: Final = 1
"""Bit 0 of the read-compatible features: the directory is a backup, which no writer changes."""
_LAYOUT = struct.Struct("<8sHHI16sQQqQ")


class TooNew(Exception):
    """A newer version of lakebed wrote this. The message says how that shows."""


class StoreFile(NamedTuple):
    """The contents of FORMAT."""

    uuid: bytes
    incompatible: int
    read_compatible: int
    created: int
    minor: int = MINOR

    def encode(self) -> bytes:
        head = _LAYOUT.pack(
            MAGIC, MAJOR, self.minor, 0, self.uuid, self.incompatible, self.read_compatible, self.created, 0
        )[:56]
        return head + struct.pack("<Q", checksum(0, 0, head))

    @classmethod
    def decode(cls, data: Bytes) -> StoreFile:
        """Raises `TooNew`, `Malformed`."""
        if len(data) < 12 or bytes(data[:8]) != MAGIC:
            raise Malformed("it does not begin like one")
        (major,) = struct.unpack_from("<H", data, 8)
        if major > MAJOR:
            raise TooNew(f"its format is version {major}, this lakebed reads up to version {MAJOR}")
        if len(data) != SIZE:
            raise Malformed(f"it has {len(data)} bytes instead of {SIZE}")
        _, major, minor, zero, uuid, incompatible, read_compatible, created, stored = _LAYOUT.unpack(data)
        if checksum(0, 0, memoryview(data)[:56]) != stored:
            raise Malformed("its checksum is wrong")
        if zero or major == 0:
            raise Malformed("bytes that must be zero are not")
        if incompatible & ~NEWEST_FEATURES:
            raise TooNew("it uses features that this lakebed does not know")
        return cls(uuid, incompatible, read_compatible, created, minor)

    @property
    def segment_format(self) -> int:
        """The format of new segments."""
        if self.incompatible & SEGMENTS_OF_FORMAT_5:
            return 5
        return 2 if self.incompatible & SEGMENTS_OF_FORMAT_2 else 1

"""The header of a segment."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed
from lakebed.pure.format.fingerprint_table import shortened
from lakebed.pure.format.store_file import TooNew

__all__ = ["COLUMNS", "COMPACTED", "LARGE", "PACKED", "ROWS", "SIZE", "WITH_PARTS", "Header"]

SIZE: Final = 64
MAGIC: Final = b"\x89LKSEG\r\n"
ROWS: Final = 0
LARGE: Final = 1
COLUMNS: Final = 2
PACKED: Final = 5
"""From this format on fingerprints are in packed tables."""
COMPACTED: Final = 6
"""The format of segments that compaction writes."""
WITH_PARTS: Final = 7
"""The format of segments with columns."""
_REWRITTEN: Final = (3, 4, COMPACTED, WITH_PARTS)
_NEWEST: Final = WITH_PARTS
_LAYOUT = struct.Struct("<8sIHHQ16sQQQ")


class Header(NamedTuple):
    """The first 64 bytes of a segment."""

    format: int
    layout: int
    number: int
    uuid: bytes
    salt: int
    first_id: int

    def encode(self) -> bytes:
        head = _LAYOUT.pack(MAGIC, self.format, self.layout, 0, self.number, self.uuid, self.salt, self.first_id, 0)[
            :56
        ]
        return head + struct.pack("<Q", checksum(self.salt, 0, head))

    @classmethod
    def decode(cls, data: Bytes) -> Header:
        """Raises `TooNew` for a format or layout that is not known, `Malformed`."""
        if len(data) < SIZE:
            raise Malformed("the header is cut")
        magic, format, layout, zero, number, uuid, salt, first_id, stored = _LAYOUT.unpack_from(data)
        if magic != MAGIC:
            raise Malformed("it does not begin like a segment")
        if checksum(salt, 0, memoryview(data)[:56]) != stored:
            raise Malformed("the checksum of the header is wrong")
        if format > _NEWEST:
            raise TooNew(f"segment {number} has format {format}, this lakebed reads up to format {_NEWEST}")
        if layout not in (ROWS, LARGE, COLUMNS):
            raise TooNew(f"segment {number} has layout {layout}, which this lakebed does not know")
        if zero or format == 0:
            raise Malformed("bytes of the header that must be zero are not")
        return cls(format, layout, number, uuid, salt, first_id)

    @property
    def rows_have_commits(self) -> bool:
        """Whether row batches carry the number of their commit."""
        return self.format >= 2

    @property
    def is_rewritten(self) -> bool:
        """Whether compaction wrote it: its one group stands for the commits of its commit table."""
        return self.format in _REWRITTEN

    @property
    def packs_fingerprints(self) -> bool:
        """Whether fingerprints are in packed tables."""
        return self.format >= PACKED

    def stored_fingerprint(self, fingerprint: int) -> int:
        """A fingerprint as the segment stores it: bits that are not stored are zero."""
        return shortened(fingerprint) if self.packs_fingerprints else fingerprint

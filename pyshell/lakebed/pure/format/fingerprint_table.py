"""The fingerprints of a segment's blobs in their order, packed, with the ordinal of each blob."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import PAGE, Pages
from lakebed.pure.format.coding import Malformed, aligned
from lakebed.pure.format.run import bucket_bits, decode_bucket, encode_bucket, find_in_bucket

__all__ = ["FINGERPRINT_BITS", "FingerprintTable", "TableExtent", "encode_table", "shortened"]

FINGERPRINT_BITS: Final = 33
"""Leading bits of each fingerprint that a table stores."""
_SHIFT: Final = 64 - FINGERPRINT_BITS
_LIMIT: Final = 1 << 62
_THREE = struct.Struct("<QQQ")


def shortened(fingerprint: int) -> int:
    """A fingerprint of which the bits that a table does not store are zero."""
    return fingerprint >> _SHIFT << _SHIFT


def encode_table(fingerprints: Iterable[int]) -> bytes:
    """The table of blobs with these fingerprints, by ascending ids; no bytes when there is none."""
    entries = sorted((fingerprint >> _SHIFT, ordinal) for ordinal, fingerprint in enumerate(fingerprints))
    if not entries:
        return b""
    count = len(entries)
    chosen = _bucket_bits(count)
    remainder_bits = FINGERPRINT_BITS - chosen
    value_bits = (count - 1).bit_length()
    ends, buckets = array("Q"), bytearray()
    at = 0
    for number in range(1 << chosen):
        behind = bisect_left(entries, ((number + 1) << remainder_bits, 0), at)
        low = number << remainder_bits
        bucket = [(stored - low, ordinal) for stored, ordinal in entries[at:behind]]
        buckets += encode_bucket(bucket, remainder_bits, value_bits)
        ends.append(len(buckets))
        at = behind
    return struct.pack(f"<Q{len(ends)}Q", count, *ends) + bytes(buckets)


class FingerprintTable:
    """A table, of which the pages are checked when they are touched."""

    def __init__(self, pages: Pages) -> None:
        """Raises `Malformed`."""
        self._pages = pages
        if len(pages.data) < 16:
            raise Malformed("a table of fingerprints is cut")
        self.count = pages.u64(0)
        if not 0 < self.count <= _LIMIT:
            raise Malformed("the number of entries of a table of fingerprints is out of its range")
        chosen = _bucket_bits(self.count)
        self._buckets = 1 << chosen
        self._remainder_bits = FINGERPRINT_BITS - chosen
        self._value_bits = (self.count - 1).bit_length()
        self._start = 8 + 8 * self._buckets
        if self._start > len(pages.data):
            raise Malformed("a table of fingerprints is cut")

    def _place(self, number: int) -> tuple[int, int]:
        """Where a bucket begins and ends. The words of the directory follow the number of entries."""
        start = self._start + (self._pages.u64(number) if number else 0)
        end = self._start + self._pages.u64(number + 1)
        if not start <= end <= len(self._pages.data):
            raise Malformed("the end of a bucket of fingerprints is out of its range")
        return start, end

    def _bytes(self, number: int) -> memoryview:
        """The bytes of a bucket."""
        start, end = self._place(number)
        if start < end:
            for page in range(start // PAGE, (end - 1) // PAGE + 1):
                self._pages.check(page)
        return self._pages.data[start:end]

    def _bucket(self, number: int) -> list[tuple[int, int]]:
        found = decode_bucket(self._bytes(number), self._remainder_bits, self._value_bits)
        if any(ordinal >= self.count for _, ordinal in found):
            raise Malformed("an ordinal is out of its range")
        return found

    def find(self, low: int, high: int) -> Iterator[int]:
        """The ordinals of the blobs that may have fingerprints from `low` to `high`, by ascending fingerprint: the
        bits that are stored decide. Raises `Malformed`."""
        low, high = low >> _SHIFT, high >> _SHIFT
        for number in range(low >> self._remainder_bits, (high >> self._remainder_bits) + 1):
            first, behind = number << self._remainder_bits, (number + 1) << self._remainder_bits
            wanted = max(low - first, 0), min(high, behind - 1) - first
            for _, ordinal in find_in_bucket(self._bytes(number), self._remainder_bits, self._value_bits, *wanted):
                if ordinal >= self.count:
                    raise Malformed("an ordinal is out of its range")
                yield ordinal

    def by_ordinal(self) -> array[int]:
        """The fingerprints of the blobs by ascending ids, of which the bits that are not stored are zero. Raises
        `Malformed`, also when the table is not in order or does not have each ordinal once."""
        self._pages.whole()
        if self.count > 8 * len(self._pages.data):
            raise Malformed("a table of fingerprints has more entries than bytes")
        found = array("Q", bytes(8 * self.count))
        seen = bytearray(self.count)
        for number in range(self._buckets):
            first = number << self._remainder_bits
            for remainder, ordinal in self._bucket(number):
                found[ordinal] = (first + remainder) << _SHIFT
                seen[ordinal] += 1
                if seen[ordinal] > 1:
                    raise Malformed("an ordinal of a table of fingerprints is there twice")
        if not all(seen) or self._place(self._buckets - 1)[1] != len(self._pages.data):
            raise Malformed("a table of fingerprints has more or fewer entries than it says")
        return found


class TableExtent(NamedTuple):
    """Where the table of an index block is, for the footer of its segment."""

    entries: int
    offset: int
    length: int
    """Bytes of the table."""

    @property
    def array(self) -> int:
        """Offset of its page checksums."""
        return aligned(self.offset + self.length, 8)

    @staticmethod
    def encode(extents: Iterable[TableExtent]) -> bytes:
        return b"".join(_THREE.pack(*extent) for extent in extents)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> list[TableExtent]:
        """Raises `Malformed`."""
        if len(data) % _THREE.size:
            raise Malformed("the extents of tables are cut")
        extents = [cls(*extent) for extent in _THREE.iter_unpack(data)]
        if not all(one.entries and max(one) <= _LIMIT for one in extents):
            raise Malformed("an extent of a table is out of its range")
        return extents


def _bucket_bits(count: int) -> int:
    return min(bucket_bits(count), FINGERPRINT_BITS)

"""A store-wide run: the fingerprints of many sealed segments, in order, and which segment has each."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import array_length, checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_varint

__all__ = [
    "BUCKET_ENTRY",
    "DIRECTORY_AT",
    "FINGERPRINT_BITS",
    "HEAD_SIZE",
    "RunHead",
    "bucket_bits",
    "decode_bucket",
    "encode_bucket",
    "find_in_bucket",
]

HEAD_SIZE: Final = 96
DIRECTORY_AT: Final = 4096
"""Offset of the directory."""
BUCKET_ENTRY: Final = 16
"""Bytes of an entry of the directory."""
FINGERPRINT_BITS: Final = 29
"""Bits of a fingerprint in a new run."""
MAGIC: Final = b"LKSEGS\0\n"
_LAYOUT = struct.Struct("<8sQQQQQQQQQQQ")


class RunHead(NamedTuple):
    """The first 96 bytes of a run."""

    number: int
    salt: int
    entries: int
    first_segment: int
    last_segment: int
    segments: int
    """Number of segments covered: an entry has the place of its segment among them, from 0."""
    base: int
    """The first blob id of the first segment."""
    fingerprint_bits: int
    """Leading bits of each fingerprint that are stored."""
    bucket_bits: int
    """Those of them that choose the bucket."""
    size: int
    """Bytes of all buckets."""

    @property
    def directory_size(self) -> int:
        return BUCKET_ENTRY << self.bucket_bits

    @property
    def directory_checksums_at(self) -> int:
        return DIRECTORY_AT + self.directory_size

    @property
    def buckets_at(self) -> int:
        """Offset of the first bucket."""
        return self.directory_checksums_at + array_length(self.directory_size)

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return self.buckets_at + self.size

    @property
    def remainder_bits(self) -> int:
        """Bits of a fingerprint that its entry in a bucket has."""
        return self.fingerprint_bits - self.bucket_bits

    @property
    def place_bits(self) -> int:
        """Bits of the place of a segment."""
        return (self.segments - 1).bit_length()

    def stored(self, fingerprint: int) -> int:
        """The stored bits of a fingerprint."""
        return fingerprint >> (64 - self.fingerprint_bits)

    def encode(self) -> bytes:
        head = _LAYOUT.pack(MAGIC, *self, 0)[:-8]
        return head + struct.pack("<Q", checksum(self.salt, 0, head))

    @classmethod
    def decode(cls, data: Bytes) -> RunHead:
        """Raises `Malformed`."""
        if len(data) < HEAD_SIZE:
            raise Malformed("it is cut")
        magic, *fields, stored = _LAYOUT.unpack_from(data)
        found = cls(*fields)
        if magic != MAGIC or checksum(found.salt, 0, memoryview(data)[: HEAD_SIZE - 8]) != stored:
            raise Malformed("its header is wrong")
        most = min(found.fingerprint_bits, max(found.entries, 1).bit_length() - 1)
        if not (1 <= found.fingerprint_bits <= 56 and 1 <= found.segments <= 1 << 56 and found.bucket_bits <= most):
            raise Malformed("a field of its header is out of its range")
        return found


def bucket_bits(entries: int) -> int:
    """The bits that choose the bucket, in a run or table with so many entries."""
    return max((entries | 1).bit_length() - 1 - 9, 0)


def encode_bucket(entries: Sequence[tuple[int, int]], remainder_bits: int, value_bits: int) -> bytes:
    """The bucket of these remainders and values, which ascend."""
    if not entries:
        return b""
    count = len(entries)
    low_bits = max(remainder_bits - (count.bit_length() - 1), 0)
    low_mask, width = (1 << low_bits) - 1, low_bits + value_bits
    highs = rest = 0
    for at, (remainder, value) in enumerate(entries):
        highs |= 1 << ((remainder >> low_bits) + at)
        rest |= ((remainder & low_mask) | value << low_bits) << at * width
    size = (count + (1 << (remainder_bits - low_bits)) + 7) // 8
    out = bytearray()
    put_varint(out, count)
    return bytes(out) + highs.to_bytes(size, "little") + rest.to_bytes((count * width + 7) // 8, "little")


class _Bucket(NamedTuple):
    """A bucket in its encoded form."""

    entries: int
    low_bits: int
    """Low bits of each remainder."""
    width: int
    """Bits of an entry's low part and value."""
    highs: str
    """The lowest bit first: each 1 is an entry, and the zeros before it are its high part."""
    rest: int
    """Low part and value of each entry."""

    @classmethod
    def of(cls, data: Bytes, remainder_bits: int, value_bits: int) -> _Bucket:
        reader = Reader(data)
        count = reader.varint()
        if not 0 < count <= (len(data) - reader.at) * 8:
            raise Malformed("the number of entries of a bucket is out of its range")
        low_bits = max(remainder_bits - (count.bit_length() - 1), 0)
        width = low_bits + value_bits
        bits = int.from_bytes(reader.take((count + (1 << (remainder_bits - low_bits)) + 7) // 8), "little")
        rest = int.from_bytes(reader.take((count * width + 7) // 8), "little")
        if reader.at != len(data) or bits.bit_count() != count:
            raise Malformed("a bucket has another length than its number of entries")
        return cls(count, low_bits, width, format(bits, "b")[::-1], rest)


def find_in_bucket(data: Bytes, remainder_bits: int, value_bits: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """The remainders and values of a bucket whose remainders are from `low` to `high`, in order; the others are not
    decoded. Raises `Malformed`."""
    if not data:
        return
    bucket = _Bucket.of(data, remainder_bits, value_bits)
    first, last = low >> bucket.low_bits, high >> bucket.low_bits
    # The entries of each high part up to the last that is wanted.
    runs = bucket.highs.split("0", last + 1)[: last + 1]
    at = sum(map(len, runs[:first]))
    low_mask, mask = (1 << bucket.low_bits) - 1, (1 << bucket.width) - 1
    for part, run in enumerate(runs[first:], first):
        for _ in run:
            entry = bucket.rest >> at * bucket.width & mask
            remainder = part << bucket.low_bits | entry & low_mask
            if low <= remainder <= high:
                yield remainder, entry >> bucket.low_bits
            at += 1


def decode_bucket(data: Bytes, remainder_bits: int, value_bits: int) -> list[tuple[int, int]]:
    """The remainders and values of a bucket, in order. Raises `Malformed`."""
    if not data:
        return []
    count, low_bits, width, ones, rest = _Bucket.of(data, remainder_bits, value_bits)
    low_mask = (1 << low_bits) - 1
    entries = []
    at = -1
    for number in range(count):
        at = ones.index("1", at + 1)
        entry = rest & ((1 << width) - 1)
        rest >>= width
        entries.append(((at - number) << low_bits | entry & low_mask, entry >> low_bits))
    if entries[-1][0] >> remainder_bits or any(a > b for a, b in pairwise(entries)):
        raise Malformed("the entries of a bucket do not ascend, or are out of their range")
    return entries

"""Store-wide runs: one search in place of one in each of many sealed segments. They are derived, and may be missing."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Sequence

from lakebed.pure.context import Context, random_u64
from lakebed.pure.files import RUN_SUFFIX, numbered, run_name
from lakebed.pure.format import run as form
from lakebed.pure.format.checksums import Pages, array_length, checksum, page_checksums
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.format.run import DIRECTORY_AT, FINGERPRINT_BITS, RunHead
from lakebed.pure.parts import FooterPart, GroupPart
from lakebed.pure.segment import RowsSegment

__all__ = ["Run", "counting_runs", "listed", "write_run"]


class Run:
    """A run, mapped."""

    def __init__(self, context: Context, number: int) -> None:
        """Raises `Malformed`, `OSError`."""
        descriptor = context.directory.open(run_name(number))
        try:
            size = os.fstat(descriptor).st_size
            if size < DIRECTORY_AT:
                raise Malformed("it is cut")
            if context.options.mmap:
                self._view = view = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
            else:
                self._view = view = memoryview(os.pread(descriptor, size, 0))
        finally:
            os.close(descriptor)
        self.head = head = RunHead.decode(view)
        if head.number != number or size != head.length:
            raise Malformed("its length or its number is wrong")
        directory = view[DIRECTORY_AT : head.directory_checksums_at]
        array = view[head.directory_checksums_at :][: array_length(len(directory))]
        self._directory = Pages(directory, array, DIRECTORY_AT, head.salt)

    def _bytes(self, number: int) -> memoryview:
        """The bytes of a bucket: remainders, and the places of segments."""
        start = self._directory.u64(number * 2 - 2) if number else 0
        end, stored = self._directory.u64(number * 2), self._directory.u64(number * 2 + 1)
        if not start <= end <= self.head.size:
            raise Malformed("the end of a bucket is out of its range")
        data = self._view[self.head.buckets_at + start : self.head.buckets_at + end]
        if checksum(self.head.salt, self.head.buckets_at + start, data) != stored:
            raise Malformed("a bucket does not match its checksum")
        return data

    def candidates(self, low: int, high: int) -> list[int]:
        """The places, among the segments covered, of those that may have blobs with fingerprints from `low` to
        `high`. Raises `Malformed`."""
        shift = self.head.remainder_bits
        low, high = self.head.stored(low), self.head.stored(high)
        found = set()
        for number in range(low >> shift, (high >> shift) + 1):
            first, behind = number << shift, (number + 1) << shift
            wanted = max(low - first, 0), min(high, behind - 1) - first
            for _, place in form.find_in_bucket(self._bytes(number), shift, self.head.place_bits, *wanted):
                found.add(self._checked(place))
        return sorted(found)

    def entries(self) -> Iterator[tuple[int, int]]:
        """The stored bits of each fingerprint with the place of its segment, in order. Raises `Malformed`."""
        for number in range(1 << self.head.bucket_bits):
            bucket = form.decode_bucket(self._bytes(number), self.head.remainder_bits, self.head.place_bits)
            for remainder, place in bucket:
                yield number << self.head.remainder_bits | remainder, self._checked(place)

    def _checked(self, place: int) -> int:
        if place >= self.head.segments:
            raise Malformed("a segment is out of its range")
        return place

    def covered(self, segments: Sequence[SealedSegment]) -> list[int]:
        """The numbers of the segments that it covers, of those of the manifest; none when it does not count."""
        numbers = [one.number for one in segments]
        if self.head.first_segment not in numbers or self.head.last_segment not in numbers:
            return []
        part = segments[numbers.index(self.head.first_segment) : numbers.index(self.head.last_segment) + 1]
        if (
            len(part) != self.head.segments
            or sum(one.blobs for one in part) != self.head.entries
            or part[0].first_id != self.head.base
        ):
            return []
        return [one.number for one in part]


def counting_runs(context: Context, segments: Sequence[SealedSegment]) -> list[tuple[Run, list[int]]]:
    """The runs that count, each with the segments it covers, the largest first; none that overlap."""
    found: list[tuple[Run, list[int]]] = []
    for number in numbered(context.directory.names("index"), 12, RUN_SUFFIX):
        try:
            run = Run(context, number)
        except (Malformed, OSError):
            continue
        covered = run.covered(segments)
        if covered:
            found.append((run, covered))
    found.sort(key=lambda one: -len(one[1]))
    seen: set[int] = set()
    counting = []
    for run, covered in found:
        if seen.isdisjoint(covered):
            seen.update(covered)
            counting.append((run, covered))
    return counting


def listed(segments: Iterable[RowsSegment], bits: int) -> list[tuple[int, int]]:
    """What a run of neighbouring segments lists, with so many bits of each fingerprint. Raises `Malformed`."""
    found: list[tuple[int, int]] = []
    for place, segment in enumerate(segments):
        for part in segment.parts:
            assert isinstance(part, GroupPart | FooterPart)
            found += ((fingerprint >> (64 - bits), place) for fingerprint in part.fingerprints)
    return sorted(found)


def write_run(context: Context, segments: Sequence[tuple[SealedSegment, RowsSegment]]) -> int:
    """Write the run of neighbouring segments. Returns its number. Raises `OSError`, `Malformed`."""
    pairs = listed((segment for _, segment in segments), FINGERPRINT_BITS)
    number = max(numbered(context.directory.names("index"), 12, RUN_SUFFIX), default=0) + 1
    first, last = segments[0][0], segments[-1][0]
    head = RunHead(
        number, random_u64(), len(pairs), first.number, last.number, len(segments), first.first_id,
        FINGERPRINT_BITS, form.bucket_bits(len(pairs)), 0,
    )  # fmt: skip
    contents: list[list[tuple[int, int]]] = [[] for _ in range(1 << head.bucket_bits)]
    for stored, place in pairs:
        contents[stored >> head.remainder_bits].append((stored & ((1 << head.remainder_bits) - 1), place))
    directory, buckets = bytearray(), bytearray()
    for entries in contents:
        bucket = form.encode_bucket(entries, head.remainder_bits, head.place_bits)
        stored = checksum(head.salt, head.buckets_at + len(buckets), bucket)
        buckets += bucket
        directory += struct.pack("<QQ", len(buckets), stored)
    head = head._replace(size=len(buckets))
    data = bytearray(head.encode().ljust(DIRECTORY_AT, b"\0"))
    data += directory + page_checksums(head.salt, DIRECTORY_AT, directory) + buckets
    context.directory.make("index")
    context.directory.write(run_name(number), bytes(data), f"index/.{number}.tmp")
    return number

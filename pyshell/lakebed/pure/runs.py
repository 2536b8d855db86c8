"""Store-wide runs: one search in place of one in each of many sealed segments. They are derived, and may be missing."""

from __future__ import annotations

import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from lakebed.pure.context import Context, random_u64
from lakebed.pure.files import numbered, run_name
from lakebed.pure.format.checksums import PAGE, Pages, array_length, page_checksums
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.format.run import FINGERPRINTS_AT, RunHead
from lakebed.pure.parts import FooterPart, GroupPart
from lakebed.pure.segment import RowsSegment

__all__ = ["Run", "counting_runs", "write_run"]


class Run:
    """A run, mapped."""

    def __init__(self, context: Context, number: int) -> None:
        """Raises `Malformed`, `OSError`."""
        descriptor = context.directory.open(run_name(number))
        try:
            size = os.fstat(descriptor).st_size
            if size < FINGERPRINTS_AT:
                raise Malformed("it is cut")
            if context.options.mmap:
                view = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
            else:
                view = memoryview(os.pread(descriptor, size, 0))
        finally:
            os.close(descriptor)
        self.head = head = RunHead.decode(view)
        if head.number != number or size != head.length:
            raise Malformed("its length or its number is wrong")
        fingerprints = view[FINGERPRINTS_AT : head.fingerprint_checksums_at]
        array = view[head.fingerprint_checksums_at :][: array_length(len(fingerprints))]
        self._fingerprints = Pages(fingerprints, array, FINGERPRINTS_AT, head.salt)
        ids = view[head.ids_at : head.ids_at + head.entries * head.width]
        array = view[head.id_checksums_at :][: array_length(len(ids))]
        self._ids = Pages(ids, array, head.ids_at, head.salt)

    def _id(self, place: int) -> int:
        width = self.head.width
        at = place * width
        self._ids.check(at // PAGE)
        self._ids.check((at + width - 1) // PAGE)
        return self.head.base + int.from_bytes(self._ids.data[at : at + width], "little")

    def candidates(self, low: int, high: int) -> list[int]:
        """The ids of the blobs with fingerprints from `low` to `high`. Raises `Malformed`."""
        count = self.head.entries
        at = bisect_left(range(count), low, key=self._fingerprints.u64)
        found = []
        while at < count and self._fingerprints.u64(at) <= high:
            found.append(self._id(at))
            at += 1
        return found

    def entries(self) -> Iterator[tuple[int, int]]:
        """Fingerprints with their ids, in order. Raises `Malformed`."""
        for place in range(self.head.entries):
            yield self._fingerprints.u64(place), self._id(place)

    def covered(self, segments: Sequence[SealedSegment]) -> list[int]:
        """The numbers of the segments that it covers, of those of the manifest; none when it does not count."""
        numbers = [one.number for one in segments]
        if self.head.first_segment not in numbers or self.head.last_segment not in numbers:
            return []
        part = segments[numbers.index(self.head.first_segment) : numbers.index(self.head.last_segment) + 1]
        if not part or sum(one.blobs for one in part) != self.head.entries or part[0].first_id != self.head.base:
            return []
        return [one.number for one in part]


def counting_runs(context: Context, segments: Sequence[SealedSegment]) -> list[tuple[Run, list[int]]]:
    """The runs that count, each with the segments it covers, the largest first; none that overlap."""
    found: list[tuple[Run, list[int]]] = []
    for number in numbered(context.directory.names("index"), 12, ".run"):
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


def write_run(context: Context, segments: Sequence[tuple[SealedSegment, RowsSegment]]) -> int:
    """Write the run of neighbouring segments. Returns its number. Raises `OSError`, `Malformed`."""
    pairs: list[tuple[int, int]] = []
    for _, segment in segments:
        for part in segment.parts:
            assert isinstance(part, GroupPart | FooterPart)
            pairs += zip(part.fingerprints, part.ids, strict=True)
    pairs.sort()
    base = segments[0][0].first_id
    widest = max((id - base for _, id in pairs), default=0)
    width = max((widest.bit_length() + 7) // 8, 1)
    number = max(numbered(context.directory.names("index"), 12, ".run"), default=0) + 1
    head = RunHead(number, random_u64(), len(pairs), segments[0][0].number, segments[-1][0].number, width, base)
    fingerprints = b"".join(struct.pack("<Q", fingerprint) for fingerprint, _ in pairs)
    ids = b"".join((id - base).to_bytes(width, "little") for _, id in pairs)
    data = bytearray(head.encode().ljust(FINGERPRINTS_AT, b"\0"))
    data += fingerprints + page_checksums(head.salt, FINGERPRINTS_AT, fingerprints)
    data += ids + bytes(head.id_checksums_at - head.ids_at - len(ids)) + page_checksums(head.salt, head.ids_at, ids)
    context.directory.make("index")
    context.directory.write(run_name(number), bytes(data), f"index/.{number}.tmp")
    return number

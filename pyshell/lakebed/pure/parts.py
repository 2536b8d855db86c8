"""What an index block or a footer says of a part of a segment: frames, ids, fingerprints, rows, commits, records.

Everything is decoded when it is first asked for; damage raises `Malformed`.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right

from lakebed.pure.files import SegmentFile
from lakebed.pure.format import block as blocks
from lakebed.pure.format import tables
from lakebed.pure.format.block import Block
from lakebed.pure.format.checksums import PAGE, Pages, array_length
from lakebed.pure.format.coding import Malformed, Reader
from lakebed.pure.format.fingerprint_table import FingerprintTable, TableExtent
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import LIMIT, Ids
from lakebed.pure.format.records import Record, decode_records
from lakebed.pure.format.tables import BatchEntry, CommitEntry, FrameEntry
from lakebed.pure.lazy import lazy

__all__ = ["FooterPart", "GroupPart", "Part"]


class Part:
    """What both have."""

    def __init__(self, block: Block, header: Header, file: SegmentFile) -> None:
        self.block = block
        self.header = header
        self.file = file

    @lazy
    def frames(self) -> list[FrameEntry]:
        """The frames in file order, which is that of their blob ids."""
        return FrameEntry.decode(self.block.section(blocks.FRAMES))

    @lazy
    def ids(self) -> Ids:
        """The ids of the blobs in its frames."""
        return Ids.read(Reader(self.block.section(blocks.IDS)))

    @lazy
    def commits(self) -> list[CommitEntry]:
        """The commits it covers, in order."""
        return CommitEntry.decode(self.block.section(blocks.COMMITS))

    @lazy
    def records(self) -> list[Record]:
        """The catalogue records, in the order they apply."""
        return decode_records(self.block.section(blocks.RECORDS))

    @lazy
    def batches(self) -> list[BatchEntry]:
        """The row batches in file order, each with its commit."""
        entries = BatchEntry.decode(self.block.section(blocks.ROWS), self.header.rows_have_commits)
        if self.header.rows_have_commits:
            return entries
        # Of segment format 1: the commit of a batch is the first one whose COMMIT lies behind it.
        offsets = [commit.offset for commit in self.commits]
        return [entry._replace(commit=self.commits[bisect_right(offsets, entry.offset)].number) for entry in entries]

    @lazy
    def by_collection(self) -> dict[int, list[BatchEntry]]:
        """The row batches of each collection, in order of their sequence numbers."""
        found: dict[int, list[BatchEntry]] = {}
        for entry in self.batches:
            found.setdefault(entry.collection, []).append(entry)
        return found

    def frame_of(self, id: int) -> int | None:
        """The offset of the frame that holds a blob of the part."""
        at = bisect_right(self.frames, (id, LIMIT)) - 1
        return None if at < 0 else self.frames[at].offset

    def candidates(self, low: int, high: int) -> list[int]:
        """The ids of the blobs that may have fingerprints from `low` to `high`, both included: the bits that are
        stored decide."""
        raise NotImplementedError


class GroupPart(Part):
    """What an index block says of its group, or of the groups that it covers."""

    @lazy
    def table(self) -> FingerprintTable | None:
        """The packed table, in segments that have such; None when there are no blobs."""
        pages = self.block.pages(blocks.FINGERPRINT_TABLE)
        return FingerprintTable(pages) if pages.data else None

    @lazy
    def fingerprints(self) -> array[int]:
        """The fingerprint of each blob, in ascending order of the ids. Bits that are not stored are zero."""
        if self.header.packs_fingerprints:
            found = self.table.by_ordinal() if self.table is not None else array("Q")
        else:
            found = _u64s(self.block.section(blocks.FINGERPRINTS))
        if len(found) != len(self.ids):
            raise Malformed("there are not as many fingerprints as ids")
        return found

    @lazy
    def _sorted(self) -> tuple[array[int], list[int]]:
        """The fingerprints in order, and the ordinal of each."""
        fingerprints = self.fingerprints
        order = sorted(range(len(fingerprints)), key=fingerprints.__getitem__)
        return array("Q", [fingerprints[ordinal] for ordinal in order]), order

    def candidates(self, low: int, high: int) -> list[int]:
        if self.header.packs_fingerprints:
            table = self.table
            if (0 if table is None else table.count) != len(self.ids):
                raise Malformed("there are not as many fingerprints as ids")
            return [] if table is None else [self.ids.at(ordinal) for ordinal in table.find(low, high)]
        fingerprints, order = self._sorted
        at = bisect_left(fingerprints, low)
        found = []
        while at < len(fingerprints) and fingerprints[at] <= high:
            found.append(self.ids.at(order[at]))
            at += 1
        return found


class FooterPart(Part):
    """What the footer of a sealed segment says of the segment. Its paged sections are read page by page."""

    def check_tables(self) -> None:
        """Reads everything but what it repeats of the manifest. Raises `Malformed`."""
        self.frames, self.ids, self.batches, self.commits  # noqa: B018  (damage shows here)
        if self.header.packs_fingerprints:
            self._table_pages  # noqa: B018
            self.block.section(blocks.FINGERPRINT_TABLE)
        else:
            self._extents  # noqa: B018
            self.block.section(blocks.ORDINALS)
        self.block.section(blocks.PARTS)

    @lazy
    def _table_pages(self) -> list[tuple[int, Pages]]:
        """The pages of the packed tables, each with the number of its blobs: of the footer's own, or of those of the
        groups."""
        own = self.block.pages(blocks.FINGERPRINT_TABLE)
        if own.data:
            return [(len(self.ids), own)]
        found = []
        for extent in TableExtent.decode(self.block.section(blocks.EXTENTS)):
            data = self.file.exactly(extent.offset, extent.length)
            checksums = self.file.exactly(extent.array, array_length(extent.length))
            found.append((extent.entries, Pages(data, checksums, extent.offset, self.header.salt)))
        return found

    @lazy
    def tables(self) -> list[tuple[int, FingerprintTable]]:
        """The packed tables, each with the ordinal of its first blob."""
        found = []
        first = 0
        for entries, pages in self._table_pages:
            table = FingerprintTable(pages)
            if table.count != entries:
                raise Malformed("a table of fingerprints has another number of entries than the footer says")
            found.append((first, table))
            first += entries
        if first != len(self.ids):
            raise Malformed("there are not as many fingerprints as ids")
        return found

    @lazy
    def _extents(self) -> tuple[list[int], list[Pages]]:
        """The ordinal at which each extent of fingerprints begins, and its pages."""
        extents = tables.Extent.decode(self.block.section(blocks.EXTENTS))
        if sum(extent.length for extent in extents) != len(self.ids):
            raise Malformed("there are not as many fingerprints as ids")
        return [extent.ordinal for extent in extents], [
            Pages(
                self.file.exactly(extent.offset, extent.length * 8),
                self.file.exactly(extent.array, array_length(extent.length * 8)),
                extent.offset,
                self.header.salt,
            )
            for extent in extents
        ]

    @lazy
    def _ordinals(self) -> tuple[int, Pages]:
        """The width of an ordinal, and the pages of section 8."""
        pages = self.block.pages(blocks.ORDINALS)
        if not pages.data:
            return 2, pages
        pages.check(0)
        width = pages.data[0]
        if width != tables.ordinal_width(len(self.ids)) or len(pages.data) != tables.ORDINALS_HEAD + width * len(
            self.ids
        ):
            raise Malformed("the ordinals of the fingerprints are cut, or of the wrong width")
        return width, pages

    def fingerprint(self, ordinal: int) -> int:
        """The fingerprint of a blob by its ordinal."""
        starts, pages = self._extents
        extent = bisect_right(starts, ordinal) - 1
        return pages[extent].u64(ordinal - starts[extent])

    def _ordinal_at(self, place: int) -> int:
        """The ordinal of the fingerprint at a place in their order."""
        width, pages = self._ordinals
        at = tables.ORDINALS_HEAD + place * width
        pages.check(at // PAGE)
        pages.check((at + width - 1) // PAGE)
        return int.from_bytes(pages.data[at : at + width], "little")

    def ordinals(self) -> list[int]:
        """All ordinals, in the order of their fingerprints."""
        return [self._ordinal_at(place) for place in range(len(self.ids))]

    def candidates(self, low: int, high: int) -> list[int]:
        if self.header.packs_fingerprints:
            return [self.ids.at(first + ordinal) for first, table in self.tables for ordinal in table.find(low, high)]
        count = len(self.ids)
        at = bisect_left(range(count), low, key=lambda place: self.fingerprint(self._ordinal_at(place)))
        found = []
        while at < count:
            ordinal = self._ordinal_at(at)
            if self.fingerprint(ordinal) > high:
                break
            found.append(self.ids.at(ordinal))
            at += 1
        return found

    @lazy
    def fingerprints(self) -> array[int]:
        """The fingerprint of each blob, in ascending order of the ids. Bits that are not stored are zero."""
        found = array("Q")
        if self.header.packs_fingerprints:
            for _, table in self.tables:
                found.extend(table.by_ordinal())
            return found
        _, pages = self._extents
        for extent in pages:
            found.extend(_u64s(extent.whole()))
        return found


def _u64s(data: memoryview) -> array[int]:
    """An array of little-endian u64."""
    return array("Q", [value for (value,) in struct.iter_unpack("<Q", data)])

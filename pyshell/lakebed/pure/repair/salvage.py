"""What is whole of a damaged segment.

Nothing of it is trusted but its checksums. Frames and row batches are found by walking over the file and by every table
that is whole. The file of a segment of columns has the same structures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lakebed.pure.context import Context
from lakebed.pure.damage import named
from lakebed.pure.files import SegmentFile
from lakebed.pure.format import block as blocks
from lakebed.pure.format import header
from lakebed.pure.format.block import FOOTER_LEVEL, Block
from lakebed.pure.format.coding import Malformed, aligned
from lakebed.pure.format.columns import PartList
from lakebed.pure.format.commit import SIZE as COMMIT_SIZE
from lakebed.pure.format.frame import Frame
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.records import Record
from lakebed.pure.format.rows import RowBatch
from lakebed.pure.format.tables import BatchEntry, CommitEntry
from lakebed.pure.parts import GroupPart
from lakebed.pure.repair.structures import Structures, find_salt, structures

__all__ = ["Salvaged", "WholeFrame", "salvage"]

_LONGEST_BATCH = 2 << 20
"""No row batch is longer, in bytes: two columns of 65,536 tokens, and what is before them."""
_BATCH_HEAD = 18
"""Bytes of a row batch before its length, and of the longest length."""
_LONGEST_FRAME_HEADER = 0xFFFF

Value = TypeVar("Value")


@dataclass(frozen=True)
class WholeFrame:
    """A frame whose checksum is right."""

    offset: int
    length: int
    dictionary: int | None
    ids: Ids


@dataclass
class Salvaged:
    """What is whole of a segment."""

    file: SegmentFile
    header: Header
    """Its own, or what a COMMIT tells of it."""
    length: int
    """Bytes of the file."""
    commits: dict[int, CommitEntry]
    """By their numbers."""
    predecessor: int | None
    """The seal of the commit before the first one."""
    seal: int
    """The seal of the last commit."""
    next_blob: int
    """The next blob id after it."""
    end: int
    """Where the last COMMIT ends."""
    frames: list[WholeFrame] = field(default_factory=list)
    """By their ids."""
    batches: list[BatchEntry] = field(default_factory=list)
    """In the order of the file."""
    listed: list[BatchEntry] = field(default_factory=list)
    """All batches that some table lists, whole or not."""
    records: list[Record] = field(default_factory=list)
    """In the order they apply."""
    lost_records: bool = False
    """Whether the records of some group cannot be read."""
    parts: PartList = field(default_factory=lambda: PartList([], Ids()))
    """The parts that some table lists."""

    @property
    def first_commit(self) -> int:
        return min(self.commits, default=0)

    @property
    def last_commit(self) -> int:
        return max(self.commits, default=0)

    def keep_commits(self, first: int, last: int) -> None:
        """Leave out commits that are not among these. Where none is left, the last one is there, as far as it is
        known."""
        self.commits = {number: entry for number, entry in self.commits.items() if first <= number <= last}
        if not self.commits:
            time = self.batches[-1].time if self.batches else 0
            self.commits[last] = CommitEntry(last, time, self.end, 0, 0, 0)


def salvage(
    context: Context, file: SegmentFile, number: int, acknowledged: int | None, advance: Callable[[int], None]
) -> Salvaged | None:
    """What is whole of a file; None when it is not a segment of rows or columns of this store, or nothing in it is
    whole.

    - `number`: the segment's, by the name of the file.
    - `acknowledged`: groups behind the last whole COMMIT count up to this commit, which was on disk when the last
      writer said so.
    - `advance`: is told the bytes read.

    Raises `FormatTooNew`, `StoreIOError`.
    """
    length = file.data_end()
    data = memoryview(bytes(file.read(0, length)))
    advance(length)
    uuid = context.store_file.uuid
    with named(f"Segment {number} of {context.path}"):
        head = _header(data)
    if head is None:
        found = find_salt(data)
        if found is None:
            return None
        head = Header(context.store_file.segment_format, header.ROWS, found[0], uuid, found[1], 0)
    if head.uuid != uuid or head.layout == header.LARGE:
        return None
    whole = structures(data, head)
    last = whole.commits[-1] if whole.commits else None
    behind = header.SIZE if last is None else last[0] + COMMIT_SIZE
    lost = acknowledged
    if lost is not None and last is not None and last[1].number >= lost:
        lost = None
    end = behind if lost is None else length
    counting = [one for one in whole.blocks if one.level == FOOTER_LEVEL or one.offset < end]
    scan = _Scan(file, data, head, whole._replace(blocks=counting))
    scan.walk(end, advance)
    if lost is not None:
        # Without any COMMIT only an index block tells the records of what was acknowledged.
        scan.found.lost_records |= last is None and scan.told <= behind
        scan.found.batches = [one for one in scan.found.batches if (one.commit or 0) <= lost]
        scan.found.listed = [one for one in scan.found.listed if (one.commit or 0) <= lost]
        scan.found.commits = {at: one for at, one in scan.found.commits.items() if at <= lost}
    scan.finish()
    return scan.found


def _header(data: memoryview) -> Header | None:
    try:
        return Header.decode(data[: header.SIZE])
    except Malformed:
        return None


def whole(read: Callable[[], Value]) -> Value | None:
    """What a call reads; None for damage."""
    try:
        return read()
    except (Malformed, IndexError):
        return None


class _Scan:
    def __init__(self, file: SegmentFile, data: memoryview, head: Header, found: Structures) -> None:
        self.file = file
        self.data = data
        self.head = head
        self.stops = {header.SIZE}
        """Where a frame, a row batch or a group may begin."""
        self.told = header.SIZE
        """Up to where index blocks tell the records of groups."""
        # Only the COMMIT of the first group names what is before this segment.
        first = found.commits[0][1] if found.commits and found.commits[0][1].group == header.SIZE else None
        offset, last = found.commits[-1] if found.commits else (0, None)
        self.found = Salvaged(
            file,
            head,
            len(data),
            {},
            None if first is None else first.predecessor,
            0 if last is None else last.seal,
            0 if last is None else last.next_blob,
            header.SIZE if last is None else offset + COMMIT_SIZE,
        )
        for at, commit in found.commits:
            self.stops |= {commit.group, at + COMMIT_SIZE}
            self.found.commits[commit.number] = CommitEntry(commit.number, commit.time, at, 0, 0, 0)
        for block in found.blocks:
            self.tables(block)
        by_offset = {one.offset: one for one in reversed(self.found.listed)}
        self.found.listed = [by_offset[at] for at in sorted(by_offset)]
        self.records(found)
        self.order = sorted(self.stops)

    def tables(self, block: Block) -> None:
        """What the tables of an index block or a footer list."""
        part = GroupPart(block, self.head, self.file)
        self.stops.add(block.first_group)
        self.found.commits.update({one.number: one for one in whole(lambda: part.commits) or ()})
        rows = whole(lambda: part.batches) or []
        self.stops.update(one.offset for one in rows)
        self.found.listed += rows
        parts = whole(lambda: PartList.decode(block.section(blocks.PARTS)))
        if parts is not None and parts.parts:
            self.found.parts = parts
        self.stops.update(one.offset for one in whole(lambda: part.frames) or ())

    def records(self, found: Structures) -> None:
        """The records of the widest blocks that cover each group once."""
        used: dict[int, tuple[int, list[Record]]] = {}
        groups = [one for one in found.blocks if one.level != FOOTER_LEVEL]
        for block in sorted(groups, key=lambda one: (-one.level, one.offset)):
            before = max((start for start in used if start <= block.offset), default=None)
            if before is not None and used[before][0] > block.offset:
                continue
            part = GroupPart(block, self.head, self.file)
            records = whole(lambda part=part: part.records)  # type: ignore[misc]
            if records is not None:
                used[block.first_group] = (block.end, records)
        # Each block is followed by its COMMIT, and that by the first group of the next one.
        following = header.SIZE
        for start in sorted(used):
            end, records = used[start]
            self.found.lost_records |= start != following
            following = aligned(end, 8) + COMMIT_SIZE
            self.found.records += records
        self.found.lost_records |= following < self.found.end
        self.told = following

    def walk(self, end: int, advance: Callable[[int], None]) -> None:
        """Take frames and row batches one after the other; where neither begins, go on at the next place where one
        may."""
        at = header.SIZE
        while at < end:
            step = self.frame(at, end) or self.batch(at, end)
            if step:
                advance(step)
                at += step
                continue
            following = bisect_right(self.order, at)
            if following == len(self.order):
                return
            at = self.order[following]

    def frame(self, at: int, end: int) -> int:
        """The length of the frame at an offset, which is taken; 0 when there is none."""
        try:
            frame = Frame.decode(self.data[at : min(end, at + _LONGEST_FRAME_HEADER)])
            if frame.length > end - at:
                return 0
            frame.check(self.data[at : at + frame.length], self.head.salt, at)
        except Malformed:
            return 0
        self.found.frames.append(WholeFrame(at, frame.length, frame.dictionary, frame.ids))
        return frame.length

    def batch(self, at: int, end: int) -> int:
        """The length of the row batch at an offset, which is taken; 0 when there is none."""
        try:
            length = RowBatch.length_at(self.data[at : min(end, at + _BATCH_HEAD)])
            if length > min(end - at, _LONGEST_BATCH):
                return 0
            batch = RowBatch.decode(self.data[at : at + length], self.head.salt, at, self.head.rows_have_commits)
        except Malformed:
            return 0
        commit = batch.commit
        if commit is None:
            # In format 1 the first COMMIT behind a batch is that of its group.
            commit = next((one.number for _, one in sorted(self.found.commits.items()) if one.offset > at), None)
        if commit is None:
            return 0
        self.found.batches.append(
            BatchEntry(
                batch.collection,
                batch.first_seq,
                len(batch.blobs),
                batch.file,
                batch.time,
                commit,
                at,
                length,
                min(batch.blobs),
                max(batch.blobs),
            )
        )
        return length

    def finish(self) -> None:
        """Put what was found in order."""
        found = self.found
        found.frames.sort(key=lambda one: one.ids.starts[0])
        found.next_blob = max([found.next_blob, *(one.ids.ends[-1] for one in found.frames)])
        # Commits of which there are rows, and nothing else any more.
        for batch in found.batches:
            assert batch.commit is not None
            found.commits.setdefault(batch.commit, CommitEntry(batch.commit, batch.time, found.end, 0, 0, 0))

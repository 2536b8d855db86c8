"""Segments: a blob by its id, candidates for a fingerprint, rows, commits, whatever the layout."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from xxhash import xxh3_64_intdigest

from lakebed.errors import Corrupt
from lakebed.pure.codec import Decompressor
from lakebed.pure.files import SegmentFile
from lakebed.pure.format import footer, header, large
from lakebed.pure.format import rows as row_format
from lakebed.pure.format.block import Block
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import MAGIC, Commit
from lakebed.pure.format.commit import SIZE as COMMIT_SIZE
from lakebed.pure.format.header import Header
from lakebed.pure.format.tables import BatchEntry, CommitEntry
from lakebed.pure.frames import DecodedFrame, FrameCache, decode_frame
from lakebed.pure.parts import FooterPart, GroupPart, Part

__all__ = [
    "LargeSegment", "RowsSegment", "commit_at", "commit_behind", "footer_block", "group_is_whole", "is_commit", "last_offset",
    "parts_of_groups", "read_header", "sealed_groups", "sealed_rows", "trailer_of",
]  # fmt: skip


def read_header(file: SegmentFile, number: int, uuid: bytes) -> Header:
    """The header of a segment's file. Raises `Malformed`, `TooNew`."""
    found = Header.decode(file.read(0, header.SIZE))
    if found.number != number or found.uuid != uuid:
        raise Malformed("the file is of another segment or another store")
    return found


def commit_at(file: SegmentFile, offset: int, head: Header) -> Commit:
    """The COMMIT at an offset. Raises `Malformed`."""
    return Commit.decode(file.read(offset, COMMIT_SIZE), offset, head)


def is_commit(file: SegmentFile, head: Header, offset: int) -> bool:
    """Whether there is a whole COMMIT at an offset."""
    try:
        commit_at(file, offset, head)
    except Malformed:
        return False
    return True


def group_is_whole(file: SegmentFile, head: Header, offset: int) -> bool:
    """Whether the group before the COMMIT at `offset` is the one that was written. Raises `Malformed`."""
    commit = commit_at(file, offset, head)
    data = file.read(commit.group, offset - commit.group)
    return len(data) == offset - commit.group and xxh3_64_intdigest(data, head.salt) == commit.digest


def parts_of_groups(
    file: SegmentFile, head: Header, offset: int, commit: Commit, known: dict[int, GroupPart] | None = None
) -> list[GroupPart]:
    """The parts of a segment up to the COMMIT at `offset`, in file order.

    Walks back from a COMMIT to its index block, and from what that covers to the COMMIT before. `known` are parts by
    the offset of their block, which are not read again. Raises `Malformed`.
    """
    parts: list[GroupPart] = []
    while True:
        part = (known or {}).get(commit.block)
        if part is None:
            data = file.exactly(commit.block, commit.block_length)
            part = GroupPart(Block.decode(data, head.salt, commit.block), head, file)
        parts.append(part)
        first = part.block.first_group
        if first == header.SIZE:
            return parts[::-1]
        if not header.SIZE < first <= commit.group:
            raise Malformed(f"the index block at offset {commit.block} covers what is not before it")
        offset = first - COMMIT_SIZE
        commit = commit_at(file, offset, head)


def trailer_of(file: SegmentFile, head: Header) -> footer.Trailer:
    """The end of the file of a sealed segment. Raises `Malformed`."""
    at = file.length - footer.SIZE
    if at < header.SIZE:
        raise Malformed("the file is too short for a footer")
    return footer.Trailer.decode(file.read(at, footer.SIZE), at, head)


def footer_block(file: SegmentFile, head: Header) -> Block:
    """The index block of the footer. Raises `Malformed`."""
    trailer = trailer_of(file, head)
    block = Block.decode(file.exactly(trailer.block, trailer.length), head.salt, trailer.block)
    if block.head_checksum != trailer.block_checksum:
        raise Malformed("the tail belongs to another footer")
    return block


def sealed_rows(file: SegmentFile, head: Header, last: int) -> list[Part]:
    """The parts of a sealed segment whose last commit is number `last`: its footer; where that is damaged, its groups.
    Raises `Malformed`."""
    try:
        part = FooterPart(footer_block(file, head), head, file)
        part.check_tables()
        if len(part.ids) != trailer_of(file, head).blobs:
            raise Malformed("the footer lists another number of blobs")
        return [part]
    except Malformed as damage:
        try:
            return [*sealed_groups(file, head, last)]
        except Malformed:
            raise damage from None


def sealed_groups(file: SegmentFile, head: Header, last: int) -> list[GroupPart]:
    """What the groups of the segment say, whatever its footer says. Raises `Malformed`."""
    offset = last_offset(file, head, last)
    parts = parts_of_groups(file, head, offset, commit_at(file, offset, head))
    for part in parts:
        part.frames, part.ids, part.batches, part.commits, part.fingerprints  # noqa: B018  (damage shows here)
    return parts


def last_offset(file: SegmentFile, head: Header, last: int) -> int:
    """The offset of the last COMMIT of a sealed segment: as its footer says; where that cannot be read, that of the
    last whole one in the file, which must be number `last`. Raises `Malformed`."""
    try:
        at = trailer_of(file, head).last_commit
        commit_at(file, at, head)
        return at
    except Malformed:
        found = commit_behind(file, head, file.length)
    if found is None or commit_at(file, found, head).number != last:
        raise Malformed("the footer is damaged, and so is the last COMMIT before it")
    return found


def commit_behind(file: SegmentFile, head: Header, end: int) -> int | None:
    """The offset of the last whole COMMIT that ends at or before `end`."""
    data = bytes(file.read(0, end))
    at = len(data)
    while (at := data.rfind(MAGIC, 0, at)) >= 0:
        if at % 8 == 0 and at + COMMIT_SIZE <= end and is_commit(file, head, at):
            return at
    return None


class RowsSegment:
    """A segment of the rows layout, active or sealed."""

    def __init__(self, file: SegmentFile, head: Header, parts: list[Part], store: str) -> None:
        """`store` is its path, for messages."""
        self.file = file
        self.header = head
        self.number = head.number
        self.parts = parts
        self.store = store

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Turns damage that is found inside into `Corrupt`, with the name of the segment."""
        try:
            yield
        except Malformed as problem:
            raise Corrupt(
                f"Segment {self.number} of {self.store} is damaged: {problem}. What is not damaged stays readable; "
                "`lakebed verify` lists all damage, and `lakebed repair` mends it."
            ) from problem

    def candidates(self, low: int, high: int) -> list[int]:
        """The ids of the blobs with fingerprints from `low` to `high`. Raises `Corrupt`."""
        return [id for part in self.parts for id in self.candidates_in(part, low, high)]

    def candidates_in(self, part: Part, low: int, high: int) -> list[int]:
        """Those of one of its parts. Raises `Corrupt`."""
        with self.named():
            return part.candidates(low, high)

    def fingerprints(self) -> dict[int, int]:
        """The fingerprint of each blob. Raises `Corrupt`."""
        found: dict[int, int] = {}
        with self.named():
            for part in self.parts:
                assert isinstance(part, GroupPart | FooterPart)
                found.update(zip(part.ids, part.fingerprints, strict=True))
        return found

    def holds(self, id: int) -> bool:
        """Whether the blob is in it. Raises `Corrupt`."""
        with self.named():
            return any(id in part.ids for part in self.parts)

    def frame_of(
        self, id: int, cache: FrameCache, decompressor: Callable[[int | None], Decompressor]
    ) -> tuple[Any, int] | None:
        """The frame that holds a blob, and the blob's place in it; None when it is not there. Raises `Corrupt`."""
        with self.named():
            return self._frame_of(id, cache, decompressor)

    def _frame_of(
        self, id: int, cache: FrameCache, decompressor: Callable[[int | None], Decompressor]
    ) -> tuple[Any, int] | None:
        for part in reversed(self.parts):
            if id not in part.ids:
                continue
            offset = part.frame_of(id)
            if offset is not None:
                found = cache.get(self.number, offset, lambda offset=offset: self._decode(offset, decompressor))  # type: ignore[misc]
                place = found.frame.ids.ordinal(id)
                if place is not None:
                    return found, place
            raise Malformed(f"no frame holds blob {id}, which its index lists")
        return None

    def decoded(self, offset: int, decompressor: Callable[[int | None], Decompressor]) -> DecodedFrame:
        """The frame at an offset. Raises `Corrupt`."""
        with self.named():
            return self._decode(offset, decompressor)

    def _decode(self, offset: int, decompressor: Callable[[int | None], Decompressor]) -> DecodedFrame:
        return decode_frame(self.file, offset, self.header.salt, decompressor)

    def batches(self, collection: int) -> list[BatchEntry]:
        """The row batches of a collection, in order. Raises `Corrupt`."""
        with self.named():
            return [entry for part in self.parts for entry in part.by_collection.get(collection, ())]

    def all_batches(self) -> list[BatchEntry]:
        """All row batches in file order. Raises `Corrupt`."""
        with self.named():
            return [entry for part in self.parts for entry in part.batches]

    def commits(self) -> list[CommitEntry]:
        """Its commits, in order. Raises `Corrupt`."""
        with self.named():
            return [entry for part in self.parts for entry in part.commits]

    def batch(self, entry: BatchEntry) -> row_format.RowBatch:
        """The rows of a batch. Raises `Corrupt`."""
        with self.named():
            try:
                found = row_format.RowBatch.decode(
                    self.file.exactly(entry.offset, entry.length),
                    self.header.salt,
                    entry.offset,
                    self.header.rows_have_commits,
                )
                if (found.collection, found.first_seq, len(found.blobs)) != entry[:3]:
                    raise Malformed("a row batch is not the one that its index lists")
            except Malformed as problem:
                raise Malformed(f"{problem}, at offset {entry.offset}") from problem
            return found

    @property
    def blobs(self) -> int:
        """The number of its blobs. Raises `Corrupt`."""
        with self.named():
            return sum(len(part.ids) for part in self.parts)


class LargeSegment:
    """A segment of one large blob."""

    def __init__(self, file: SegmentFile, head: Header, store: str) -> None:
        """Raises `Malformed`."""
        self.file = file
        self.header = head
        self.number = head.number
        self.store = store
        at = file.length - large.TRAILER_SIZE
        self.trailer = large.LargeTrailer.decode(file.read(at, large.TRAILER_SIZE), head.salt, at)
        table = file.exactly(self.trailer.table, self.trailer.table_length)
        if checksum(head.salt, self.trailer.table, table) != self.trailer.table_checksum:
            raise Malformed("the checksum of the block table of a large blob is wrong")
        self.blocks = large.BlockEntry.decode(table)

    def data(self, decompressor: Callable[[int | None], Decompressor]) -> bytes:
        """The bytes of the blob. Raises `Corrupt`."""
        try:
            return b"".join(self._block(place, decompressor) for place in range(len(self.blocks)))
        except Malformed as problem:
            raise Corrupt(
                f"Segment {self.number} of {self.store} is damaged: {problem}. What is not damaged stays readable; "
                "`lakebed verify` lists all damage, and `lakebed repair` mends it."
            ) from problem

    def _block(self, place: int, decompressor: Callable[[int | None], Decompressor]) -> bytes | memoryview:
        entry = self.blocks[place]
        stored = self.file.exactly(entry.offset, entry.stored)
        if checksum(self.header.salt, entry.offset, stored) != entry.checksum:
            raise Malformed(f"the checksum of a block is wrong, at offset {entry.offset}")
        raw = min(large.BLOCK, self.trailer.length - place * large.BLOCK)
        if entry.stored == raw:
            return stored
        if self.trailer.encoding == 0:
            raise Malformed(f"a raw block has the wrong length, at offset {entry.offset}")
        return decompressor(None).decompress(stored, raw)


def segment_of(firsts: list[int], id: int) -> int:
    """The place of the segment whose range an id lies in, by the first ids of all; -1 when it is below them."""
    return bisect_right(firsts, id) - 1

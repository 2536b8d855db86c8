"""Checking one segment by itself: its groups, its frames, its footer, and what the manifest says of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from xxhash import xxh3_64_intdigest

from lakebed.errors import Corrupt, FormatTooNew
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.damage import io_error
from lakebed.pure.findings import Findings
from lakebed.pure.footers import repeated, stored_body
from lakebed.pure.format import block as blocks
from lakebed.pure.format import commit as commits
from lakebed.pure.format import header
from lakebed.pure.format.block import Block
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.difference import BodyDifference
from lakebed.pure.format.fingerprint_table import TableExtent
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.format.tables import Extent
from lakebed.pure.frames import decode_frame
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.parts import FooterPart, GroupPart, Part
from lakebed.pure.segment import RowsSegment, commit_at, last_offset, sealed_groups, trailer_of
from lakebed.pure.state import State
from lakebed.pure.verify_columns import check_columns
from lakebed.pure.walk import damaged_at

__all__ = ["Ends", "SegmentCheck"]


class Ends(NamedTuple):
    """The first COMMIT of a segment and the last, where all between could be read."""

    first: Commit
    last: Commit
    first_offset: int


class _NoDictionary(Exception):
    """The dictionary of a frame cannot be read."""


class SegmentCheck(Findings):
    """Checks segments, each by itself."""

    ends: dict[int, Ends]

    def __init__(
        self,
        state: State,
        *,
        quick: bool = False,
        since: int = 0,
        told: Callable[[dict[str, int]], object] = lambda _: None,
    ) -> None:
        """The arguments are those of `Findings`."""
        super().__init__(state, quick, since, told)
        self.ends = {}

    def guarded(self, segment: int, check: Callable[[], object]) -> None:
        """Check a segment; damage that ends the check is a problem of the segment."""
        self.counts["segments"] += 1
        try:
            check()
        except (Malformed, Corrupt, FormatTooNew) as problem:
            self.problem("segment", segment, None, str(problem))
        except OSError as problem:
            self.problem("segment", segment, None, str(io_error(problem, f"Reading segment {segment}")))

    def sealed(self, entry: SealedSegment) -> None:
        """A sealed segment of the layouts rows and columns."""
        segment = self.state.rows_segment(entry)
        part = self._whole_footer(segment, entry)
        if isinstance(part, FooterPart):
            offset = trailer_of(segment.file, segment.header).last_commit
        else:
            offset = last_offset(segment.file, segment.header, entry.last_commit)
            text = "the footer is damaged; what it says was read from the groups"
            self.problem("footer", entry.number, offset + commits.SIZE, text)
        groups = self.rows_segment(segment, offset)
        if isinstance(segment, ColumnsSegment) and entry.last_commit > self.since:
            check_columns(self, segment)
        if groups is None:
            return
        said = self._footer(segment, part, groups) if isinstance(part, FooterPart) else True
        if said and self._manifest(segment, entry) and isinstance(part, FooterPart):
            self._body(segment, part, entry)

    def _whole_footer(self, segment: RowsSegment, entry: SealedSegment) -> Part:
        """The footer, if all of it is whole; otherwise what is read from now on in its place: the first of the
        groups. Raises `Malformed`."""
        part = segment.parts[0]
        if isinstance(part, FooterPart):
            try:
                part.block.section(blocks.MANIFEST)
            except Malformed:
                segment.parts = [*sealed_groups(segment.file, segment.header, entry.last_commit)]
        return segment.parts[0]

    def _footer(self, segment: RowsSegment, part: FooterPart, groups: list[GroupPart]) -> bool:
        """Whether the footer and the index blocks could be compared. What differs is reported."""
        number, at = segment.number, part.block.offset
        for group in groups:
            try:
                group.frames, group.ids, group.batches, group.commits  # noqa: B018  (damage shows here)
                if blocks.FINGERPRINT_TABLE in part.block.sections:
                    group.fingerprints  # noqa: B018
            except Malformed as problem:
                self._table_problem(segment, group, problem)
                return False
        for same, what in (
            (part.frames == [one for group in groups for one in group.frames], "frames"),
            (list(part.ids) == [one for group in groups for one in group.ids], "ids"),
            (part.batches == [one for group in groups for one in group.batches], "rows"),
            (part.commits == [one for group in groups for one in group.commits], "commits"),
            (_agree(part, groups), "fingerprints"),
        ):
            if not same:
                self.problem("footer", number, at, f"the footer lists other {what} than the groups")
        if segment.header.packs_fingerprints:
            # A table that is not in order cannot be read, which was reported.
            return True
        try:
            fingerprints = part.fingerprints
            in_order = part.ordinals() == sorted(range(len(part.ids)), key=lambda one: (fingerprints[one], one))
        except Malformed:
            # Fingerprints that cannot be read were reported.
            return True
        if not in_order:
            self.problem("ordinals", number, at, "the ordinals are not those of the blobs by their fingerprints")
        return True

    def _manifest(self, segment: RowsSegment, entry: SealedSegment) -> bool:
        """Whether the manifest counts what the tables of a segment list."""
        listed = segment.commits()
        runs = [one for part in segment.parts for one in part.ids.runs()]
        found = entry._replace(
            blobs=segment.blobs,
            rows=sum(one.rows for one in segment.all_batches()),
            first_commit=listed[0].number if listed else entry.first_commit,
            last_commit=listed[-1].number if listed else entry.last_commit,
            first_id=min([entry.first_id, *(start for start, _ in runs[:1])]),
            end_id=max([entry.end_id, *(end for _, end in runs[-1:])]),
        )
        if not segment.header.is_rewritten:
            # A compaction keeps the counts that commits had, and not all of their blobs.
            found = found._replace(raw_bytes=sum(one.raw_bytes for one in listed))
        fields = (
            ("blobs", entry.blobs, found.blobs),
            ("rows", entry.rows, found.rows),
            ("first commit", entry.first_commit, found.first_commit),
            ("last commit", entry.last_commit, found.last_commit),
            ("bytes of blobs", entry.raw_bytes, found.raw_bytes),
            ("first blob id", entry.first_id, found.first_id),
            ("end of blob ids", entry.end_id, found.end_id),
        )
        wrong = "; ".join(f"{what} {said}, and there are {there}" for what, said, there in fields if said != there)
        if wrong:
            text = f"the manifest says of the segment what its footer does not: {wrong}"
            self.problem("manifest", segment.number, None, text)
        return not wrong

    def _body(self, segment: RowsSegment, part: FooterPart, entry: SealedSegment) -> None:
        """What the footer repeats of the manifest."""
        context, at = self.state.context, part.block.offset
        try:
            stored = part.block.section(blocks.MANIFEST)
            difference = BodyDifference.decode(stored)
            if difference is not None and not self._has_body(difference.base):
                return
            body = Manifest.of_body(repeated(context.directory, context.store_file.uuid, segment.number, stored).body)
        except Malformed as problem:
            self.problem("footer", segment.number, at, damaged_at(segment.number, at, str(problem)))
            return
        for own in body.segments:
            if own.number == segment.number and own != entry._replace(length=0):
                text = "the manifest in the footer says of the segment what the newest does not"
                self.problem("footer", segment.number, at, text)

    def _has_body(self, number: int) -> bool:
        """Whether a footer can be read that others need; a compaction may have put another in its place, and damage is
        reported with its own segment."""
        context = self.state.context
        try:
            stored_body(context.directory, context.store_file.uuid, number)
        except (Malformed, OSError):
            return False
        return True

    def rows_segment(self, segment: RowsSegment, offset: int) -> list[GroupPart] | None:
        """The groups up to the COMMIT at `offset`, and their frames. Returns what the index blocks say that count, in
        file order; None when some could not be read."""
        number = segment.number
        found: list[tuple[int, Commit]] = []
        groups: list[GroupPart] = []
        whole = True
        at, place, reach = offset, offset, 1 << 63
        while True:
            try:
                commit = commit_at(segment.file, at, segment.header)
            except Malformed as problem:
                self.problem("commit", number, place, damaged_at(number, at, str(problem)))
                whole = False
                break
            if found:
                self._link(segment, (at, commit), found[-1])
            found.append((at, commit))
            if commit.number > self.since:
                self._group(segment, at, commit)
            if at < reach:
                try:
                    data = segment.file.exactly(commit.block, commit.block_length)
                    group = GroupPart(
                        Block.decode(data, segment.header.salt, commit.block), segment.header, segment.file
                    )
                    groups.append(group)
                    reach = group.block.first_group
                except Malformed as problem:
                    self.problem("index", number, commit.block, damaged_at(number, commit.block, str(problem)))
                    whole = False
            self.tick()
            if commit.group <= header.SIZE:
                break
            at, place = commit.group - commits.SIZE, commit.group
        if whole:
            self.ends[number] = Ends(found[-1][1], found[0][1], found[-1][0])
        if found and found[-1][1].group <= header.SIZE:
            self._commit_table(segment, found[::-1])
        newer = [commit.group for _, commit in found if commit.number > self.since]
        start = min(newer, default=1 << 63) if found else 0
        self._frames(segment, start)
        return groups[::-1] if whole else None

    def _group(self, segment: RowsSegment, at: int, commit: Commit) -> None:
        self.counts["commits"] += 1
        if self.quick:
            return
        data = segment.file.read(commit.group, at - commit.group)
        if xxh3_64_intdigest(data, segment.header.salt) != commit.digest:
            text = f"the group of commit {commit.number} does not have its checksum"
            self.problem("group", segment.number, commit.group, text)

    def _link(self, segment: RowsSegment, before: tuple[int, Commit], after: tuple[int, Commit]) -> None:
        at, commit = after
        if before[1].seal != commit.predecessor or before[1].number + 1 != commit.number:
            text = f"commit {commit.number} does not follow the one before it"
            self.problem("link", segment.number, at, text)

    def _commit_table(self, segment: RowsSegment, found: list[tuple[int, Commit]]) -> None:
        """Whether the commit table lists the COMMITs."""
        listed = []
        for part in segment.parts:
            try:
                listed += [(one.number, one.time, one.offset) for one in part.commits]
            except Malformed as problem:
                self._table_problem(segment, part, problem)
        there = [(commit.number, commit.time, at) for at, commit in found]
        if segment.header.is_rewritten:
            ascending = all(before[0] < after[0] for before, after in pairwise(listed))
            same = bool(listed) and listed[-1][:2] == there[-1][:2] and ascending
        else:
            same = listed == there
        if not same:
            self.problem("commit", segment.number, None, "the commit table lists other commits than there are")

    def _table_problem(self, segment: RowsSegment, part: Part, problem: Malformed) -> None:
        """A table of a part cannot be read."""
        at = part.block.offset
        kind = "footer" if isinstance(part, FooterPart) else "index"
        self.problem(kind, segment.number, at, damaged_at(segment.number, at, str(problem)))

    def fingerprints(self, segment: RowsSegment, part: Part) -> Sequence[int] | None:
        """The fingerprints that a part lists; None where they cannot be read, which is reported."""
        assert isinstance(part, GroupPart | FooterPart)
        try:
            return part.fingerprints
        except Malformed as problem:
            self._table_problem(segment, part, problem)
            return None

    def _frames(self, segment: RowsSegment, start: int) -> None:
        """The frames from an offset on, of a quick check some."""
        entries = [(part, place) for part in segment.parts for place in range(len(part.frames))]
        fingerprints = {id(part): self.fingerprints(segment, part) for part in segment.parts}
        step = max(1, len(entries) // max(len(entries) // 64, 8)) if self.quick else 1
        for part, place in entries[random.randrange(step) :: step]:
            if part.frames[place].offset >= start:
                self._frame(segment, part, place, fingerprints[id(part)])
                self.tick()

    def _frame(self, segment: RowsSegment, part: Part, place: int, fingerprints: Sequence[int] | None) -> None:
        """A frame that a part lists, and its blobs against the fingerprints, if they could be read."""
        number, entry = segment.number, part.frames[place]
        try:
            found = decode_frame(segment.file, entry.offset, segment.header.salt, self._decompressor)
        except _NoDictionary as problem:
            self.problem("dictionary", number, entry.offset, str(problem))
            return
        except Malformed as problem:
            self.problem("frame", number, entry.offset, damaged_at(number, entry.offset, str(problem)))
            return
        self.counts["frames"] += 1
        self.counts["bytes"] += found.frame.length
        self.counts["blobs"] += len(found.frame.ids)
        if fingerprints is None:
            return
        ids = found.frame.ids
        behind = part.frames[place + 1].first_id if place + 1 < len(part.frames) else 1 << 62
        in_frame = part.ids.rank(behind) - part.ids.rank(entry.first_id)
        only_frames = not isinstance(segment, ColumnsSegment)
        if ids.starts[0] != entry.first_id or (only_frames and in_frame != len(ids)):
            self.problem("index", number, entry.offset, "the tables list other blobs than the frame holds")
        for at, blob in enumerate(ids):
            ordinal = part.ids.ordinal(blob)
            own = segment.header.stored_fingerprint(fingerprint(digest(found.blob(at))))
            if ordinal is None or own != fingerprints[ordinal]:
                text = f"blob {blob} does not have the hash it was stored under"
                self.problem("blob", number, entry.offset, text)

    def _decompressor(self, dictionary: int | None) -> Any:
        try:
            return self.state.decompressor(dictionary)
        except (Corrupt, Malformed) as problem:
            raise _NoDictionary(str(problem)) from problem

    def large(self, entry: LargeBlob) -> None:
        """A large blob."""
        segment = self.state.large_segment(entry.segment)
        if (segment.trailer.blob, segment.trailer.length) != (entry.blob, entry.length):
            text = damaged_at(entry.segment, 0, "the file holds another blob than the catalogue says")
            self.problem("segment", entry.segment, None, text)
            return
        if self.quick:
            return
        data = segment.data(self.state.decompressor)
        self.counts["bytes"] += len(data)
        self.counts["blobs"] += 1
        if fingerprint(digest(data)) != entry.fingerprint:
            text = "its bytes do not have the hash they were stored under"
            self.problem("blob", entry.segment, None, text)
        self.tick()


def _agree(part: FooterPart, groups: Sequence[GroupPart]) -> bool:
    """Whether a footer leads to the fingerprints of the groups, or repeats them. Those that cannot be read agree."""
    packed = part.header.packs_fingerprints
    if packed and blocks.FINGERPRINT_TABLE in part.block.sections:
        try:
            return list(part.fingerprints) == [one for group in groups for one in group.fingerprints]
        except Malformed:
            return True
    kind = blocks.FINGERPRINT_TABLE if packed else blocks.FINGERPRINTS
    of_blocks = [group.block.sections.get(kind) for group in groups]
    extents = part.block.section(blocks.EXTENTS)
    if packed:
        found = [(one.offset, one.length, one.array) for one in TableExtent.decode(extents)]
        return found == [(one.offset, one.length, one.array) for one in of_blocks if one is not None]
    whole = [(one.offset, one.length, one.array) for one in Extent.decode(extents)]
    return whole == [(one.offset, one.length // 8, one.array) for one in of_blocks if one is not None]

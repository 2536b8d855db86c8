"""Checking a whole store: every checksum, every hash, and that its structures agree with each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from xxhash import xxh3_64_intdigest

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, FormatTooNew
from lakebed.pure.columns.part import ColumnsPart, recent_pages
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.damage import io_error
from lakebed.pure.files import manifest_name
from lakebed.pure.format import commit as commits
from lakebed.pure.format import header
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.frames import decode_frame
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.parts import FooterPart, GroupPart, Part
from lakebed.pure.segment import RowsSegment, commit_at, parts_of_groups
from lakebed.pure.state import State
from lakebed.pure.view import View

__all__ = ["lost_commits", "verify"]


def lost_commits(state: State) -> str | None:
    """What to say of acknowledged commits that are missing."""
    if state.lost is None:
        return None
    first, last = state.lost
    which = f"commit {first}" if first == last else f"commits {first} to {last}"
    return (
        f"{state.context.path} has lost {which}: the last commit that can be read is {state.last_commit}, and LOCK says that "
        f"commit {last} was acknowledged."
    )


def verify(view: View, progress: EngineProgress | None, skip: AbstractSet[int] = frozenset()) -> dict[str, Any]:
    """Read and check everything but the segments to skip. Returns the fields of `lakebed.VerifyReport`, which list the
    damage."""
    return _Verifier(view.state, progress, skip).run()


class _Verifier:
    def __init__(self, state: State, progress: EngineProgress | None, skip: AbstractSet[int]) -> None:
        self.skip = skip
        self.state = state
        self.progress = progress
        self.begun = self.shown = time.monotonic()
        self.total = sum(one.length for one in state.manifest.segments) + state.end
        self.counts = dict.fromkeys(("segments", "commits", "frames", "blobs", "rows", "bytes"), 0)
        self.problems: list[dict[str, Any]] = []

    def problem(self, segment: int | None, offset: int | None, message: str) -> None:
        self.problems.append({"segment": segment, "offset": offset, "message": message})

    def run(self) -> dict[str, Any]:
        lost = lost_commits(self.state)
        if lost is not None:
            self.problem(None, None, lost)
        self.manifest()
        for entry in self.state.sealed:
            self.guarded(entry.number, lambda entry=entry: self.sealed(entry))  # type: ignore[misc]
        if self.state.damage is not None:
            self.problem(self.state.manifest.active, None, str(self.state.damage))
        if self.state.active is not None:
            active = self.state.active
            self.guarded(active.number, lambda: self.rows_segment(active, self.state.last_offset))
        for large in self.state.catalogue.large.values():
            if large.blob not in self.state.catalogue.deleted:
                self.guarded(large.segment, lambda large=large: self.large(large))  # type: ignore[misc]
        return {**self.counts, "problems": self.problems, "seconds": time.monotonic() - self.begun}

    def guarded(self, segment: int, check: Callable[[], object]) -> None:
        """Check a segment; damage that ends the check is a problem of the segment."""
        if segment in self.skip:
            return
        self.counts["segments"] += 1
        try:
            check()
        except (Malformed, Corrupt, FormatTooNew) as problem:
            self.problem(segment, None, str(problem))
        except OSError as problem:
            self.problem(segment, None, str(io_error(problem, f"Reading segment {segment}")))

    def manifest(self) -> None:
        """The file of the manifest, from the disk once more."""
        state = self.state
        if state.hold is None:
            self.problem(None, None, f"The newest manifest of {state.context.path} is damaged or missing.")
            return
        try:
            Manifest.decode(state.hold.read(), state.manifest_number, state.context.store_file.uuid)
        except Malformed as problem:
            self.problem(None, None, f"{manifest_name(state.manifest_number)} is damaged: {problem}.")

    def sealed(self, entry: Any) -> None:
        """A sealed segment of the rows layout."""
        segment = self.state.rows_segment(entry)
        part = segment.parts[0]
        if not isinstance(part, FooterPart):
            self.problem(entry.number, None, "The footer is damaged; what it says was read from the groups.")
        if (segment.blobs, sum(one.rows for one in segment.all_batches())) != (entry.blobs, entry.rows):
            self.problem(entry.number, None, "The manifest counts other blobs or rows than there are.")
        offset = segment.commits()[-1].offset
        self.rows_segment(segment, offset)
        if isinstance(segment, ColumnsSegment):
            self.columns(segment)
        if isinstance(part, FooterPart):
            self.footer(segment, part, offset)

    def footer(self, segment: RowsSegment, part: FooterPart, offset: int) -> None:
        """Whether the footer says what the groups say."""
        groups = parts_of_groups(segment.file, segment.header, offset, commit_at(segment.file, offset, segment.header))
        fingerprints = [one for group in groups for one in group.fingerprints]
        if list(part.fingerprints) != fingerprints:
            self.problem(segment.number, part.block.offset, "The footer lists other fingerprints than the groups.")
        order = [part.ids.ordinal(id) for id in part.candidates(0, (1 << 64) - 1)]
        if order != sorted(range(len(fingerprints)), key=lambda one: (fingerprints[one], one)):
            self.problem(segment.number, part.block.offset, "The fingerprints of the footer are not in order.")
        if part.batches != [one for group in groups for one in group.batches]:
            self.problem(segment.number, part.block.offset, "The footer lists other rows than the groups.")

    def rows_segment(self, segment: RowsSegment, offset: int) -> None:
        """The groups up to the COMMIT at `offset`, frame by frame and batch by batch."""
        for at in self.commits_of(segment, offset):
            commit = commit_at(segment.file, at, segment.header)
            data = segment.file.exactly(commit.group, at - commit.group)
            self.counts["commits"] += 1
            if xxh3_64_intdigest(data, segment.header.salt) != commit.digest:
                self.problem(
                    segment.number, commit.group, f"The checksum of the group of commit {commit.number} is wrong."
                )
            self.tick()
        for part in segment.parts:
            self.frames(segment, part)
            for entry in part.batches:
                try:
                    rows = len(segment.batch(entry).blobs)
                    # Of rows that are gone a compaction may have left out some.
                    collection = self.state.catalogue.collections.get(entry.collection)
                    if collection is not None:
                        self.counts["rows"] += max(min(rows, entry.end_seq - collection.first_live), 0)
                except Corrupt as problem:
                    self.problem(segment.number, entry.offset, str(problem))

    def commits_of(self, segment: RowsSegment, offset: int) -> Iterator[int]:
        """The offsets of the COMMITs of a segment, back from the one at `offset`."""
        while True:
            yield offset
            commit = commit_at(segment.file, offset, segment.header)
            if commit.group == header.SIZE:
                return
            before = commit_at(segment.file, commit.group - commits.SIZE, segment.header)
            if before.seal != commit.predecessor or before.number + 1 != commit.number:
                self.problem(segment.number, offset, f"Commit {commit.number} does not follow commit {before.number}.")
            offset = commit.group - commits.SIZE

    def frames(self, segment: RowsSegment, part: Part) -> None:
        """The frames that a part lists, and the fingerprint of each blob."""
        assert isinstance(part, GroupPart | FooterPart)
        fingerprints = part.fingerprints
        seen = 0
        for entry in sorted(part.frames, key=lambda one: one.offset):
            self.counts["frames"] += 1
            try:
                found = decode_frame(segment.file, entry.offset, segment.header.salt, self.state.decompressor)
            except Malformed as problem:
                self.problem(segment.number, entry.offset, f"A frame is damaged: {problem}.")
                seen = -1 << 63
                continue
            self.counts["bytes"] += found.frame.length
            for place, id in enumerate(found.frame.ids):
                ordinal = part.ids.ordinal(id)
                if ordinal is None or fingerprint(digest(found.blob(place))) != fingerprints[ordinal]:
                    self.problem(segment.number, entry.offset, f"Blob {id} is not the one that the index lists.")
                self.counts["blobs"] += 1
                seen += 1
            self.tick()
        in_parts = 0
        if isinstance(segment, ColumnsSegment):
            in_parts = sum(one.rows for one in segment.part_entries())
        if seen >= 0 and seen + in_parts != len(part.ids):
            self.problem(segment.number, part.block.offset, "The index lists other blobs than the frames hold.")

    def columns(self, segment: ColumnsSegment) -> None:
        """Every byte of the parts, and every record. What a damaged page hides is reported once, as that page."""
        fingerprints: dict[int, int] = {}
        for one in segment.parts:
            assert isinstance(one, GroupPart | FooterPart)
            fingerprints.update(zip(one.ids, one.fingerprints, strict=True))
        for entry in segment.part_entries():
            try:
                part = segment.part(entry, self.state.decompressor)
            except Corrupt as problem:
                self.problem(segment.number, None, str(problem))
                continue
            data = part.file.exactly(0, entry.length)
            self.counts["bytes"] += len(data)
            is_whole = checksum(part.salt, 0, data) == entry.checksum
            if not is_whole and not self.pages(segment, part):
                self.problem(segment.number, None, f"Bytes of {part.file.name} outside of its pages are damaged.")
            kept = recent_pages(part.table)
            for row, id in enumerate(part.ids):
                try:
                    record = part.record(row, kept)
                except Malformed as problem:
                    if is_whole:
                        self.problem(segment.number, None, f"Blob {id} cannot be rebuilt: {problem}.")
                    continue
                self.counts["blobs"] += 1
                if fingerprint(digest(record)) != fingerprints.get(id):
                    self.problem(segment.number, None, f"Blob {id} is not the one that the index lists.")
                self.tick()

    def pages(self, segment: ColumnsSegment, part: ColumnsPart) -> int:
        """Reports the pages of a part that are damaged. Returns their number."""
        found = 0
        for at in part.data_pages():
            try:
                part.decoded(at, lambda _, decode: decode())
            except Malformed as problem:
                found += 1
                self.problem(segment.number, at.page.offset, f"{problem}.")
        return found

    def large(self, entry: Any) -> None:
        """A large blob."""
        segment = self.state.large_segment(entry.segment)
        data = segment.data(self.state.decompressor)
        self.counts["bytes"] += len(data)
        self.counts["blobs"] += 1
        if (segment.trailer.blob, len(data), fingerprint(digest(data))) != (
            entry.blob,
            entry.length,
            entry.fingerprint,
        ):
            self.problem(entry.segment, None, f"Large blob {entry.blob} is not the one that the catalogue lists.")
        self.tick()

    def tick(self) -> None:
        """Tell how far it is, a few times a second."""
        now = time.monotonic()
        if self.progress is not None and now - self.shown > 0.1:
            self.shown = now
            self.progress(self.counts["bytes"], self.total, self.counts["blobs"], now - self.begun)

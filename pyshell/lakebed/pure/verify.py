"""Checking a whole store: every checksum, every hash, and that its structures agree with each other."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice, pairwise
from typing import Any

from xxhash import xxh3_64_intdigest

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, FormatTooNew, InvalidArgument
from lakebed.pure.columns.part import ColumnsPart, recent_pages
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.damage import io_error
from lakebed.pure.files import manifest_name
from lakebed.pure.footers import repeated
from lakebed.pure.format import block as blocks
from lakebed.pure.format import commit as commits
from lakebed.pure.format import footer as footers
from lakebed.pure.format import header
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.difference import BodyDifference
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.frames import decode_frame
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.parts import FooterPart, GroupPart, Part
from lakebed.pure.segment import RowsSegment, commit_at, parts_of_groups
from lakebed.pure.state import State
from lakebed.pure.verify_rows import RowsCheck, check_runs
from lakebed.pure.view import View
from lakebed.pure.walk import damaged_at

__all__ = ["check_active", "check_large", "check_links", "check_sealed", "lost_commits", "verify"]

_SAMPLE = 64
"""Of how many records of a part a quick check reads one."""


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


def verify(
    view: View,
    progress: EngineProgress | None,
    skip: AbstractSet[int] = frozenset(),
    *,
    quick: bool = False,
    since: int = 0,
) -> dict[str, Any]:
    """Read and check everything but the segments to skip. Returns the fields of `lakebed.VerifyReport`, which list the
    damage.

    `quick`: of frames samples. `since`: nothing of the commits up to this one. Raises `InvalidArgument`.
    """
    if since > view.state.last_commit:
        raise InvalidArgument(f"There is no commit {since} to check from: the last one is {view.state.last_commit}.")
    return _Verifier(view.state, progress, skip, quick=quick, since=since).run()


Advance = Callable[[int], None]
"""Is told the bytes read."""


Ends = tuple[Commit, Commit]
"""The first COMMIT of a segment and the last."""


def check_sealed(state: State, entry: SealedSegment, advance: Advance) -> tuple[list[dict[str, Any]], Ends | None]:
    """What is wrong with a sealed segment, its row batches included, and its ends; for a repair."""
    one = _Verifier(state, None, frozenset(), quick=False, since=0)
    one.guarded(entry.number, lambda: one.sealed(entry))
    return one.with_batches(lambda: state.rows_segment(entry), advance), one.ends.get(entry.number)


def check_active(state: State, advance: Advance) -> tuple[list[dict[str, Any]], Ends | None]:
    """What is wrong with the active segment, its row batches included, and its ends; for a repair."""
    active = state.active
    assert active is not None
    one = _Verifier(state, None, frozenset(), quick=False, since=0)
    one.guarded(active.number, lambda: one.rows_segment(active, state.last_offset))
    return one.with_batches(lambda: active, advance), one.ends.get(active.number)


def check_links(state: State, ends: dict[int, Ends]) -> list[dict[str, Any]]:
    """Which segments do not follow those before them; for a repair."""
    one = _Verifier(state, None, frozenset(), quick=False, since=0)
    one.ends = ends
    one.links()
    return one.problems


def check_large(state: State, entry: LargeBlob, advance: Advance) -> list[dict[str, Any]]:
    """What is wrong with a large blob; for a repair."""
    one = _Verifier(state, None, frozenset(), quick=False, since=0)
    one.guarded(entry.segment, lambda: one.large(entry))
    advance(one.counts["bytes"])
    return one.problems


class _Verifier:
    def __init__(
        self, state: State, progress: EngineProgress | None, skip: AbstractSet[int], *, quick: bool, since: int
    ) -> None:
        self.skip = skip
        self.quick = quick
        self.since = since
        self.state = state
        self.progress = progress
        self.begun = self.shown = time.monotonic()
        self.total = sum(one.length for one in state.manifest.segments) + state.end
        self.counts = dict.fromkeys(("segments", "commits", "frames", "blobs", "rows", "bytes"), 0)
        self.problems: list[dict[str, Any]] = []
        self.ends: dict[int, tuple[Commit, Commit]] = {}
        """The first COMMIT of a segment and the last, where all between could be read."""

    def problem(self, kind: str, segment: int | None, offset: int | None, message: str) -> None:
        self.problems.append({"kind": kind, "segment": segment, "offset": offset, "message": message})

    def run(self) -> dict[str, Any]:
        state = self.state
        lost = lost_commits(state)
        if lost is not None:
            self.problem("lost_commits", None, None, lost)
        self.manifest()
        for entry in state.sealed:
            self.guarded(entry.number, lambda entry=entry: self.sealed(entry))  # type: ignore[misc]
        for place in state.damage:
            self.problem(place.kind, place.segment, place.offset, place.message)
        if state.active is not None:
            active = state.active
            self.guarded(active.number, lambda: self.rows_segment(active, state.last_offset))
        entries = {one.number: one for one in state.manifest.segments}
        for large in state.catalogue.large.values():
            listed = entries.get(large.segment)
            if large.blob not in state.catalogue.deleted and (listed is None or listed.last_commit > self.since):
                self.guarded(large.segment, lambda large=large: self.large(large))  # type: ignore[misc]
        self.links()
        rows = RowsCheck(state, self.since, self.skip, self.problem)
        rows.run()
        self.counts["rows"] = rows.rows
        self.dictionaries()
        if not self.quick:
            self.counts["bytes"] += check_runs(state, self.problem)
        return {**self.counts, "problems": self.problems, "seconds": time.monotonic() - self.begun}

    def guarded(self, segment: int, check: Callable[[], object]) -> None:
        """Check a segment; damage that ends the check is a problem of the segment."""
        if segment in self.skip:
            return
        self.counts["segments"] += 1
        try:
            check()
        except (Malformed, Corrupt, FormatTooNew) as problem:
            self.problem("segment", segment, None, str(problem))
        except OSError as problem:
            self.problem("segment", segment, None, str(io_error(problem, f"Reading segment {segment}")))

    def with_batches(self, segment: Callable[[], RowsSegment], advance: Advance) -> list[dict[str, Any]]:
        """The problems of a segment; where there are none, those of its row batches."""
        if not self.problems:
            for entry in segment().all_batches():
                try:
                    blobs = segment().batch(entry).blobs
                    if (min(blobs), max(blobs)) != (entry.first_blob, entry.last_blob):
                        text = "the row directory says other blob ids of a row batch"
                        self.problem("row_batch", segment().number, entry.offset, text)
                except Corrupt as problem:
                    self.problem("row_batch", segment().number, None, str(problem))
        advance(self.counts["bytes"])
        return self.problems

    def manifest(self) -> None:
        """The file of the manifest, from the disk once more."""
        state = self.state
        if state.hold is None:
            self.problem("manifest", None, None, f"The newest manifest of {state.context.path} is damaged or missing.")
            return
        try:
            Manifest.decode(state.hold.read(), state.manifest_number, state.context.store_file.uuid)
        except Malformed as problem:
            self.problem("manifest", None, None, f"{manifest_name(state.manifest_number)} is damaged: {problem}.")
        for before, after in pairwise(state.sealed):
            if before.end_id > after.first_id:
                self.problem(
                    "manifest",
                    None,
                    None,
                    f"The manifest gives segments {before.number} and {after.number} the same blob ids.",
                )

    def sealed(self, entry: Any) -> None:
        """A sealed segment of the rows layout."""
        segment = self.state.rows_segment(entry)
        part = segment.parts[0]
        if not isinstance(part, FooterPart):
            self.problem("footer", entry.number, None, "The footer is damaged; what it says was read from the groups.")
        commits = segment.commits()
        said = (entry.blobs, entry.rows, entry.first_commit, entry.last_commit)
        found = (
            segment.blobs,
            sum(one.rows for one in segment.all_batches()),
            commits[0].number if commits else entry.first_commit,
            commits[-1].number if commits else entry.last_commit,
        )
        raw_bytes = sum(one.raw_bytes for one in commits)
        ids = [*(one for part in segment.parts for one in part.ids.runs())]
        outside = bool(ids) and (ids[0][0] < entry.first_id or ids[-1][1] > entry.end_id)
        same = said == found and not outside and (segment.header.is_rewritten or raw_bytes == entry.raw_bytes)
        if not same:
            self.problem(
                "manifest", entry.number, None, "The manifest says of the segment what its footer and groups do not."
            )
        at = segment.file.length - footers.SIZE
        trailer = footers.Trailer.decode(segment.file.read(at, footers.SIZE), at, segment.header)
        whole = self.rows_segment(segment, trailer.last_commit)
        if isinstance(segment, ColumnsSegment):
            self.columns(segment)
        if isinstance(part, FooterPart) and whole:
            self.footer(segment, part, trailer.last_commit, entry if same else None)

    def footer(self, segment: RowsSegment, part: FooterPart, offset: int, entry: Any) -> None:
        """Whether the footer says what the groups say."""
        groups = parts_of_groups(segment.file, segment.header, offset, commit_at(segment.file, offset, segment.header))
        at = part.block.offset
        fingerprints = [one for group in groups for one in group.fingerprints]
        try:
            listed = list(part.fingerprints)
        except Malformed as problem:
            if part.pages_are_whole():
                self.problem("ordinals", segment.number, at, damaged_at(segment.number, at, str(problem)))
            return
        for same, what in (
            (listed == fingerprints, "fingerprints"),
            (part.frames == [one for group in groups for one in group.frames], "frames"),
            (list(part.ids) == [one for group in groups for one in group.ids], "ids"),
            (part.batches == [one for group in groups for one in group.batches], "rows"),
            (part.commits == [one for group in groups for one in group.commits], "commits"),
        ):
            if not same:
                self.problem("footer", segment.number, at, f"The footer lists other {what} than the groups.")
        if not segment.header.packs_fingerprints:  # Those were found to be in order when they were read.
            order = [part.ids.ordinal(id) for id in part.candidates(0, (1 << 64) - 1)]
            if order != sorted(range(len(fingerprints)), key=lambda one: (fingerprints[one], one)):
                self.problem("ordinals", segment.number, at, "The ordinals are not those of the blobs in order.")
        stored, context = part.block.section(blocks.MANIFEST), self.state.context
        difference = BodyDifference.decode(stored)
        if difference is not None and difference.base not in {one.number for one in self.state.sealed}:
            # A compaction put a later footer in its place.
            return
        whole = repeated(context.directory, context.store_file.uuid, segment.number, stored).body
        for own in Manifest.of_body(whole).segments:
            if entry is not None and own.number == segment.number and own != entry._replace(length=0):
                text = "The manifest in the footer says of the segment what the newest does not."
                self.problem("footer", segment.number, at, text)

    def rows_segment(self, segment: RowsSegment, offset: int) -> bool:
        """The groups up to the COMMIT at `offset`, and their frames. Whether all COMMITs could be read."""
        found: list[tuple[int, Commit]] = []
        whole = True
        try:
            for at, commit in self.commits_of(segment, offset):
                found.append((at, commit))
                if commit.number <= self.since:
                    continue
                self.counts["commits"] += 1
                if not self.quick:
                    data = segment.file.exactly(commit.group, at - commit.group)
                    if xxh3_64_intdigest(data, segment.header.salt) != commit.digest:
                        text = f"The checksum of the group of commit {commit.number} is wrong."
                        self.problem("group", segment.number, commit.group, text)
                self.tick()
        except Malformed as problem:
            whole = False
            self.problem("commit", segment.number, None, str(problem))
        if whole and found:
            self.ends[segment.number] = (found[-1][1], found[0][1])
            self.commit_table(segment, found[::-1])
        newer = [commit.group for _, commit in found if commit.number > self.since]
        start = min(newer, default=1 << 63)
        for part in segment.parts:
            self.frames(segment, part, start if whole else 0)
        return whole

    def fingerprints(self, segment: RowsSegment, part: GroupPart | FooterPart) -> Sequence[int]:
        """The fingerprints that a part lists; none where they cannot be read, which is reported."""
        try:
            return part.fingerprints
        except Malformed as problem:
            self.table_problem(segment, part, problem)
            return ()

    def table_problem(self, segment: RowsSegment, part: Part, problem: Malformed) -> None:
        """A table of a part cannot be read."""
        at = part.block.offset
        kind = "footer" if isinstance(part, FooterPart) else "index"
        self.problem(kind, segment.number, at, damaged_at(segment.number, at, str(problem)))

    def commit_table(self, segment: RowsSegment, found: list[tuple[int, Commit]]) -> None:
        """Whether the commit table lists the COMMITs."""
        listed = []
        for part in segment.parts:
            try:
                listed += [(one.number, one.time, one.offset) for one in part.commits]
            except Malformed as problem:
                self.table_problem(segment, part, problem)
        there = [(commit.number, commit.time, at) for at, commit in found]
        if segment.header.is_rewritten:
            numbers = [one[0] for one in listed]
            same = listed[-1:] == there[-1:] and numbers == sorted(set(numbers))
        else:
            same = listed == there
        if not same:
            self.problem("commit", segment.number, None, "The commit table lists other commits than there are.")

    def commits_of(self, segment: RowsSegment, offset: int) -> Iterator[tuple[int, Commit]]:
        """The COMMITs of a segment with their offsets, back from the one at `offset`."""
        commit = commit_at(segment.file, offset, segment.header)
        while True:
            yield offset, commit
            if commit.group == header.SIZE:
                return
            before = commit_at(segment.file, commit.group - commits.SIZE, segment.header)
            if before.seal != commit.predecessor or before.number + 1 != commit.number:
                text = f"Commit {commit.number} does not follow commit {before.number}."
                self.problem("link", segment.number, offset, text)
            offset, commit = commit.group - commits.SIZE, before

    def links(self) -> None:
        """Commits follow each other from segment to segment. One that a compaction wrote is linked to none."""
        state = self.state
        before: tuple[int, int | None] | None = (0, 0)
        # A segment without new blobs may be listed in front of earlier ones.
        sealed_in_order = sorted(state.sealed, key=lambda one: one.last_commit)
        segments: list[tuple[int, bool]] = [
            (one.number, True) for one in sealed_in_order if one.number not in self.skip
        ]
        if state.active is not None:
            segments.append((state.active.number, False))
        for number, sealed in segments:
            if not sealed and before is not None:
                before = (state.manifest.last_commit, state.manifest.last_seal)
            if number not in self.ends:
                before = None
                continue
            first, last = self.ends[number]
            opened = state.opened_rows.get(number) or state.active
            rewritten = opened is not None and opened.header.is_rewritten
            if before is None:
                follows = True
            elif before[1] is not None and not rewritten and first.number == before[0] + 1:
                follows = first.predecessor == before[1]
            else:  # A repair leaves out commits that are lost.
                follows = last.number > before[0]
            text = "files of two copies of the store were mixed."
            if not follows:
                what = f"Commit {first.number} does not follow the last one of the segment before: {text}"
                self.problem("link", number, None, what)
            last_of_all = sealed and not rewritten and last.number == state.manifest.last_commit
            if last_of_all and last.seal != state.manifest.last_seal:
                what = f"The last commit is another one than that of the manifest: {text}"
                self.problem("link", number, None, what)
            before = (last.number, None if rewritten else last.seal)

    def frames(self, segment: RowsSegment, part: Part, start: int) -> None:
        """The frames from an offset on that a part lists, and the fingerprint of each blob."""
        assert isinstance(part, GroupPart | FooterPart)
        fingerprints = self.fingerprints(segment, part)
        is_listed = bool(fingerprints) or not part.ids
        entries = sorted((one for one in part.frames if one.offset >= start), key=lambda one: one.offset)
        step = max(1, len(entries) // max(len(entries) // 64, 8)) if self.quick else 1
        first = random.randrange(step)
        seen = -1 << 63 if len(entries) < len(part.frames) or self.quick else 0
        for entry in entries[first::step]:
            self.counts["frames"] += 1
            try:
                found = decode_frame(segment.file, entry.offset, segment.header.salt, self.state.decompressor)
            except Malformed as problem:
                kind = "dictionary" if "dictionary" in str(problem) else "frame"
                self.problem(kind, segment.number, entry.offset, damaged_at(segment.number, entry.offset, str(problem)))
                seen = -1 << 63
                continue
            self.counts["bytes"] += found.frame.length
            for place, id in enumerate(found.frame.ids):
                ordinal = part.ids.ordinal(id)
                if (
                    ordinal is None
                    or not is_listed
                    or (
                        segment.header.stored_fingerprint(fingerprint(digest(found.blob(place))))
                        != fingerprints[ordinal]
                    )
                ):
                    text = f"Blob {id} is not the one that the index lists."
                    self.problem("blob", segment.number, entry.offset, text)
                self.counts["blobs"] += 1
                seen += 1
            self.tick()
        in_parts = 0
        if isinstance(segment, ColumnsSegment):
            in_parts = sum(one.rows for one in segment.part_entries())
        if not is_listed or (seen >= 0 and seen + in_parts != len(part.ids)):
            text = "The index lists other blobs than the frames hold."
            self.problem("index", segment.number, part.block.offset, text)

    def columns(self, segment: ColumnsSegment) -> None:
        """Every byte of the parts, and every record; of a sample of records only those. What a damaged page hides is
        reported once, as that page."""
        fingerprints: dict[int, int] = {}
        for one in segment.parts:
            assert isinstance(one, GroupPart | FooterPart)
            fingerprints.update(zip(one.ids, one.fingerprints, strict=True))
        for entry in segment.part_entries():
            try:
                part = segment.part(entry, self.state.decompressor)
            except Corrupt as problem:
                self.problem("part", segment.number, None, str(problem))
                continue
            is_whole = True
            if not self.quick:
                data = part.file.exactly(0, entry.length)
                self.counts["bytes"] += len(data)
                is_whole = checksum(part.salt, 0, data) == entry.checksum
            if not is_whole and not self.pages(segment, part):
                text = f"Bytes of {part.file.name} outside of its pages are damaged."
                self.problem("part", segment.number, None, text)
            self.records(segment, part, fingerprints, is_whole)

    def records(self, segment: ColumnsSegment, part: ColumnsPart, fingerprints: dict[int, int], is_whole: bool) -> None:
        """The records of a part, rebuilt, against the fingerprints of their blobs."""
        kept = recent_pages(part.table)
        for row, id in islice(enumerate(part.ids), 0, None, _SAMPLE if self.quick else 1):
            try:
                record = part.record(row, kept)
            except Malformed as problem:
                if is_whole:
                    self.problem("part", segment.number, None, f"Blob {id} cannot be rebuilt: {problem}.")
                continue
            self.counts["blobs"] += 1
            if segment.header.stored_fingerprint(fingerprint(digest(record))) != fingerprints.get(id):
                self.problem("blob", segment.number, None, f"Blob {id} is not the one that the index lists.")
            self.tick()

    def pages(self, segment: ColumnsSegment, part: ColumnsPart) -> int:
        """Reports the pages of a part that are damaged. Returns their number."""
        found = 0
        for at in part.data_pages():
            try:
                part.decoded(at, lambda _, decode: decode())
            except Malformed as problem:
                found += 1
                self.problem("part", segment.number, at.page.offset, f"{problem}.")
        return found

    def large(self, entry: Any) -> None:
        """A large blob."""
        segment = self.state.large_segment(entry.segment)
        if self.quick:
            return
        data = segment.data(self.state.decompressor)
        self.counts["bytes"] += len(data)
        self.counts["blobs"] += 1
        if (segment.trailer.blob, len(data), fingerprint(digest(data))) != (
            entry.blob,
            entry.length,
            entry.fingerprint,
        ):
            text = f"Large blob {entry.blob} is not the one that the catalogue lists."
            self.problem("blob", entry.segment, None, text)
        self.tick()

    def dictionaries(self) -> None:
        """The dictionaries that the catalogue names are there."""
        for entry in self.state.catalogue.dictionaries:
            try:
                self.state.dictionary(entry.number)
            except (Malformed, Corrupt, FormatTooNew) as problem:
                self.problem("dictionary", None, None, f"Dictionary {entry.number} is missing or damaged: {problem}.")

    def tick(self) -> None:
        """Tell how far it is, a few times a second."""
        now = time.monotonic()
        if self.progress is not None and now - self.shown > 0.1:
            self.shown = now
            self.progress(self.counts["bytes"], self.total, self.counts["blobs"], now - self.begun)

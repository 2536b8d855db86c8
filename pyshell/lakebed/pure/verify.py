"""Checking a whole store: every checksum, every hash, and that its structures agree with each other.

The sentences about what is wrong are those of the engine in Rust; only what a decoder refuses has each engine's words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, FormatTooNew, InvalidArgument
from lakebed.pure.descriptions import merged_descriptions
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.json.encoding import BadSummary
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State
from lakebed.pure.verify_rows import RowsCheck, check_runs
from lakebed.pure.verify_segment import Ends, SegmentCheck
from lakebed.pure.view import View

__all__ = ["check_active", "check_large", "check_links", "check_sealed", "lost_commits", "verify"]


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


def check_sealed(state: State, entry: SealedSegment, advance: Advance) -> tuple[list[dict[str, Any]], Ends | None]:
    """What is wrong with a sealed segment, its row batches included, and its ends; for a repair."""
    one = SegmentCheck(state)
    one.guarded(entry.number, lambda: one.sealed(entry))
    return _with_batches(one, lambda: state.rows_segment(entry), advance), one.ends.get(entry.number)


def check_active(state: State, advance: Advance) -> tuple[list[dict[str, Any]], Ends | None]:
    """What is wrong with the active segment, its row batches included, and its ends; for a repair."""
    active = state.active
    assert active is not None
    one = SegmentCheck(state)
    one.guarded(active.number, lambda: one.rows_segment(active, state.last_offset))
    return _with_batches(one, lambda: active, advance), one.ends.get(active.number)


def check_large(state: State, entry: LargeBlob, advance: Advance) -> list[dict[str, Any]]:
    """What is wrong with a large blob; for a repair."""
    one = SegmentCheck(state)
    one.guarded(entry.segment, lambda: one.large(entry))
    advance(one.counts["bytes"])
    return one.problems


def _with_batches(one: SegmentCheck, segment: Callable[[], RowsSegment], advance: Advance) -> list[dict[str, Any]]:
    """The problems of a segment; where there are none, those of its row batches."""
    if not one.problems:
        for entry in segment().all_batches():
            try:
                blobs = segment().batch(entry).blobs
                if (min(blobs), max(blobs)) != (entry.first_blob, entry.last_blob):
                    text = "the row directory says other blob ids of a row batch"
                    one.problem("row_batch", segment().number, entry.offset, text)
            except Corrupt as problem:
                one.problem("row_batch", segment().number, None, str(problem))
    advance(one.counts["bytes"])
    return one.problems


def check_links(state: State, ends: dict[int, Ends], skip: AbstractSet[int] = frozenset()) -> list[dict[str, Any]]:
    """Which segments do not follow those before them, but for those to skip. One that a compaction wrote is linked to
    none."""
    one = SegmentCheck(state)
    before: tuple[int, int | None] | None = (0, 0)
    # A segment without new blobs may be listed in front of earlier ones.
    sealed_in_order = sorted(state.sealed, key=lambda one: one.last_commit)
    segments = [(entry.number, True) for entry in sealed_in_order if entry.number not in skip]
    if state.active is not None:
        segments.append((state.active.number, False))
    for number, sealed in segments:
        if not sealed and before is not None:
            before = (state.manifest.last_commit, state.manifest.last_seal)
        if number not in ends:
            before = None
            continue
        first, last, offset = ends[number]
        opened = state.opened_rows.get(number) or state.active
        rewritten = opened is not None and opened.header.is_rewritten
        if before is None:
            follows = True
        elif before[1] is not None and not rewritten and first.number == before[0] + 1:
            follows = first.predecessor == before[1]
        else:  # A repair leaves out commits that are lost.
            follows = last.number > before[0]
        if not follows:
            text = (
                f"commit {first.number} in segment {number} does not follow the last one of the segment before: files of two copies "
                "of the store were mixed"
            )
            one.problem("link", number, offset, text)
        last_of_all = sealed and not rewritten and last.number == state.manifest.last_commit
        if last_of_all and last.seal != state.manifest.last_seal:
            text = (
                f"the last commit of segment {number} is another one than that of the manifest: the file is that of another copy of "
                "the store"
            )
            one.problem("link", number, None, text)
        before = (last.number, None if rewritten else last.seal)
    return one.problems


class _Told:
    """Tells how far it is, a few times a second."""

    def __init__(self, progress: EngineProgress | None, total: int, begun: float) -> None:
        self.progress = progress
        self.total = total
        self.begun = self.shown = begun

    def __call__(self, counts: dict[str, int]) -> None:
        now = time.monotonic()
        if self.progress is not None and now - self.shown > 0.1:
            self.shown = now
            self.progress(counts["bytes"], self.total, counts["blobs"], now - self.begun)


class _Verifier:
    def __init__(
        self, state: State, progress: EngineProgress | None, skip: AbstractSet[int], *, quick: bool, since: int
    ) -> None:
        self.skip = skip
        self.quick = quick
        self.since = since
        self.state = state
        self.begun = time.monotonic()
        total = sum(one.length for one in state.manifest.segments) + state.end
        # It knows nothing of this object: a state that something in a circle holds keeps old segments in their place.
        self.check = SegmentCheck(state, quick=quick, since=since, told=_Told(progress, total, self.begun))

    def run(self) -> dict[str, Any]:
        state, check = self.state, self.check
        if state.lost is not None:
            text = f"commits up to {state.lost[1]} were acknowledged and the last one found is {state.last_commit}"
            check.problem("lost_commits", state.manifest.active, None, text)
        self._manifest()
        self._entries()
        for place in state.damage:
            check.problem(place.kind, place.segment, place.offset, place.message)
        for entry in state.sealed:
            self._segment(entry.number, lambda entry=entry: check.sealed(entry))  # type: ignore[misc]
        if state.active is not None:
            active = state.active
            self._segment(active.number, lambda: check.rows_segment(active, state.last_offset))
        entries = {one.number: one for one in state.manifest.segments}
        for large in state.catalogue.large.values():
            listed = entries.get(large.segment)
            if large.blob not in state.catalogue.deleted and (listed is None or listed.last_commit > self.since):
                self._segment(large.segment, lambda large=large: check.large(large))  # type: ignore[misc]
        check.problems += check_links(state, check.ends, self.skip)
        rows = RowsCheck(state, self.since, self.skip, check.problem)
        rows.run()
        check.counts["rows"] = rows.rows
        self._dictionaries()
        check.counts["bytes"] += check_runs(state, check.problem, quick=self.quick)
        return {**check.counts, "problems": check.problems, "seconds": time.monotonic() - self.begun}

    def _segment(self, number: int, check: Callable[[], object]) -> None:
        if number not in self.skip:
            self.check.guarded(number, check)

    def _manifest(self) -> None:
        """The file of the manifest, from the disk once more."""
        state, number = self.state, self.state.manifest_number
        if state.hold is None:
            text = "the newest manifest is damaged or missing; footers say the same"
            self.check.problem("manifest", None, None, text)
            return
        try:
            found = Manifest.decode(state.hold.read(), number, state.context.store_file.uuid)
        except Malformed as problem:
            self.check.problem("manifest", None, None, f"manifest {number} is damaged: {problem}")
            return
        wrong = contradiction(found)
        if wrong is not None:
            self.check.problem("manifest", None, None, f"manifest {number} contradicts itself: {wrong}")

    def _entries(self) -> None:
        """Entries of the catalogue that cannot be read, or that name what is not there."""
        catalogue = self.state.catalogue
        for collection in catalogue.collections.values():
            try:
                for description in collection.descriptions:
                    merged_descriptions((description, description))
            except BadSummary as problem:
                text = f"the summary of the values of {collection.name} is damaged: {problem}"
                self.check.problem("manifest", None, None, text)
        for one in catalogue.ingests:
            if one.file not in catalogue.files or one.collection not in catalogue.collections:
                text = "an ingest names a file or a collection that there is not"
                self.check.problem("manifest", None, None, text)

    def _dictionaries(self) -> None:
        """The dictionaries that the catalogue names are there."""
        for entry in self.state.catalogue.dictionaries:
            try:
                self.state.dictionary(entry.number)
            except (Malformed, Corrupt, FormatTooNew):
                self.check.problem("dictionary", None, None, f"dictionary {entry.number} is missing or damaged")

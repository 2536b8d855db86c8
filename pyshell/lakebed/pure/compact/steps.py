"""The steps of a compaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument, StoreFull
from lakebed.pure.compact.plan import Group, dictionaries_of, is_dead, plan
from lakebed.pure.compact.rewrite import rewrite, write_segment
from lakebed.pure.damage import interruptible, named, operating_system
from lakebed.pure.format import header
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.json import whole_description
from lakebed.pure.opening import open_state
from lakebed.pure.state import State
from lakebed.pure.stats import held_bytes
from lakebed.pure.view import View
from lakebed.pure.write.index import keep_runs
from lakebed.pure.write.manifests import with_catalogue, write_manifest
from lakebed.pure.write.recovery import RESERVE, is_nearly_full, remove_replaced
from lakebed.pure.write.writer import Writer

__all__ = ["compact"]


def compact(
    writer: Writer, rows_of: Sequence[int] | None, level: int | None, dry_run: bool, progress: EngineProgress | None
) -> dict[str, Any]:
    """Give back the space of what nothing reaches, and gather small segments and frames.

    `rows_of`: the collections of which columns become rows; None leaves columns of which nothing goes as they are.

    Returns the fields of `lakebed.CompactReport`. Raises `InvalidArgument`, `Corrupt`, `StoreFull`, `Interrupted`.
    """
    if level is not None and not 1 <= level <= 22:
        raise InvalidArgument(f"A compression level is from 1 to 22, not {level}.")
    run = _Compaction(writer, frozenset(rows_of or ()), level, progress)
    if dry_run:
        return run.foreseen()
    writer.commit()
    segments, size = run.count_of_segments(), run.state.segment_bytes()
    if run.has_work():
        if is_nearly_full(writer.context):
            writer.context.directory.unlink(RESERVE)
        writer.seal()
    with interruptible(
        "Compaction was interrupted: the steps that were done stay done, and another `compact` goes on."
    ):
        return run.run(segments, size)


class _Compaction:
    def __init__(
        self, writer: Writer, rows_of: frozenset[int], level: int | None, progress: EngineProgress | None
    ) -> None:
        self.writer = writer
        self.rows_of = rows_of
        self.level = level
        self.progress = progress
        self.begun = time.monotonic()
        self.rewritten = self.skipped = self.removed = self.read = 0
        self.failed: dict[int, str] = {}
        """Why a segment could not be written again, by its number."""

    @property
    def state(self) -> State:
        return self.writer.state

    def count_of_segments(self) -> int:
        state = self.state
        return len(state.manifest.segments) + (state.active is not None)

    def groups(self, everything: bool) -> list[Group]:
        """The groups that are left to do."""
        found = plan(
            self.state,
            View(self.state).reach,
            self.writer.context.options.segment_bytes,
            everything=everything,
            to_rows=lambda entry: any(part.collection in self.rows_of for part in self.state.parts_of(entry)),
        )
        return [group for group in found if not any(one.entry.number in self.failed for one in group.segments)]

    def has_work(self) -> bool:
        """Whether there is anything to do, also in the active segment."""
        if self.level is not None or self.groups(False) or self.unreached_large() or self.unused_dictionaries():
            return True
        active, reach = self.state.active, View(self.state).reach
        return active is not None and (
            any(id not in reach for part in active.parts for id in part.ids)
            or any(is_dead(self.state.catalogue, one.collection, one.first_seq) for one in active.all_batches())
        )

    def unreached_large(self) -> list[Any]:
        """Large blobs that go."""
        reach = View(self.state).reach
        return [one for one in self.state.catalogue.large.values() if one.blob not in reach]

    def foreseen(self) -> dict[str, Any]:
        """What would be done."""
        groups = self.groups(self.level is not None)
        before = self.state.segment_bytes()
        large = self.unreached_large()
        gone = sum(one.file_bytes for group in groups for one in group.segments)
        gone += sum(self.state.large_segment(one.segment).file.length for one in large)
        self.rewritten = sum(len(group.segments) for group in groups)
        self.removed = sum(group.removed for group in groups) + len(large)
        self.read = sum(one.file_bytes for group in groups for one in group.segments)
        count = self.count_of_segments()
        after = before - gone + sum(group.estimate for group in groups)
        return self.report(
            True,
            count,
            count - self.rewritten + len(groups) - len(large),
            before,
            min(before, after),
            held_bytes(self.state),
        )

    def run(self, segments: int, size: int) -> dict[str, Any]:
        """Do it; `segments` and `size` are how many there were, and their bytes."""
        self.writer.begin()
        try:
            self.writer.pending = None
            everything = self.level is not None
            while groups := self.groups(everything):
                before, everything = self.rewritten, False
                for group in groups:
                    self.step(group)
                if self.rewritten > before:
                    # There is more room now.
                    self.failed.clear()
            self.skipped = len(self.failed)
            for number, problem in self.failed.items():
                self.writer.context.warn(
                    f"Compaction skipped segment {number} of {self.writer.context.path}: {problem}"
                )
            if self.unreached_large() or self.unused_dictionaries():
                self.install(None, [])
        finally:
            self.writer.end()
        return self.report(
            False, segments, self.count_of_segments(), size, self.state.segment_bytes(), held_bytes(self.state)
        )

    def report(
        self, dry_run: bool, segments: int, segments_after: int, size: int, size_after: int, held: int
    ) -> dict[str, Any]:
        return {
            "dry_run": dry_run,
            "segments_before": segments,
            "segments_after": segments_after,
            "bytes_before": size,
            "bytes_after": size_after,
            "rewritten_segments": self.rewritten,
            "skipped_segments": self.skipped,
            "removed_blobs": self.removed,
            "stays_rows": [],
            "held_bytes": held,
            "aside_bytes": self.state.disk_sizes()["aside"],
            "read_bytes": self.read,
            "seconds": time.monotonic() - self.begun,
        }

    def step(self, group: Group) -> None:
        """Write the segment of a group, and the manifest that names it in their place. Where there is no room for a
        group, its segments are written one by one."""
        numbers = [one.entry.number for one in group.segments]
        context = self.writer.context
        try:
            with operating_system(f"Compacting segments of {context.path}"), named(f"A segment of {context.path}"):
                entry = self.write(group)
                self.install(entry, numbers)
        except (StoreFull, Corrupt) as problem:
            why = str(problem)
        else:
            self.rewritten += len(numbers)
            self.removed += group.removed
            self.read += sum(one.file_bytes for one in group.segments)
            if self.progress is not None:
                self.progress(self.read, None, self.removed, time.monotonic() - self.begun)
            return
        # The exception is gone, and with it the state that its frames hold.
        if len(numbers) == 1:
            self.failed[numbers[0]] = why
            return
        self.failed.update((one.entry.number, why) for one in group.segments if not one.has_dead)
        singles = [Group([one]) for one in group.segments if one.has_dead]
        for single in sorted(singles, key=lambda one: one.estimate):
            self.step(single)

    def write(self, group: Group) -> SealedSegment:
        """The new segment, whole and synced. Returns its entry in the manifest."""
        state, options, context = self.state, self.writer.context.options, self.writer.context
        number = state.manifest.next_segment
        everything = self.level is not None
        made = rewrite(state, group, number, options.page_bytes, self.level or options.level, everything=everything)
        entries = [one.entry for one in group.segments]
        entry = SealedSegment(
            number,
            header.ROWS,
            0,
            entries[0].first_id,
            entries[-1].end_id,
            made.blobs,
            made.rows,
            entries[0].first_commit,
            entries[-1].last_commit,
            made.raw_bytes,
        )
        body = self.manifest(entry, [one.number for one in entries]).body()
        return entry._replace(length=write_segment(context, made, body))

    def unused_dictionaries(self) -> set[int]:
        """The numbers of dictionaries that no collection has and no frame uses."""
        state = self.state
        loose = {
            one.number for one in state.catalogue.dictionaries if one.collection not in state.catalogue.collections
        }
        if loose:
            for entry in state.sealed:
                loose -= dictionaries_of(state.rows_segment(entry))
        return loose

    def manifest(self, entry: SealedSegment | None, replaced: list[int]) -> Manifest:
        """The manifest with a new segment in the place of those it replaces."""
        state = self.state
        segments = []
        for one in state.manifest.segments:
            if one.number not in replaced:
                segments.append(one)
            elif entry is not None and one.number == replaced[0]:
                segments.append(entry)
        catalogue = state.catalogue
        number = state.manifest.next_segment
        changed = replace(state.manifest, segments=tuple(segments))
        if entry is not None:
            changed = replace(changed, active=number + 1, next_segment=number + 2)
        return with_catalogue(changed, catalogue, whole_description)

    def install(self, entry: SealedSegment | None, replaced: list[int]) -> None:
        """Write the manifest, and remove what it replaces."""
        state, context = self.state, self.writer.context
        manifest = self.manifest(entry, replaced)
        if entry is None:
            gone = {one.segment for one in self.unreached_large()}
            unused = self.unused_dictionaries()
            manifest = replace(
                manifest,
                segments=tuple(one for one in manifest.segments if one.number not in gone),
                large=tuple(one for one in manifest.large if one.segment not in gone),
                dictionaries=tuple(one for one in manifest.dictionaries if one.number not in unused),
            )
            self.removed += len(gone)
        self.writer.checked()
        write_manifest(context, state.manifest_number + 1, manifest)
        self.writer.move_to(open_state(context, state, holding=True))
        del state
        remove_replaced(self.state)
        keep_runs(self.state)

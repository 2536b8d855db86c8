"""The steps of a compaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from lakebed._progress import EngineProgress
from lakebed.errors import Corrupt, InvalidArgument, StoreFull
from lakebed.pure.columns.write import PartPlace
from lakebed.pure.compact.layout import has_parts, write_parts
from lakebed.pure.compact.plan import Goals, Group, dictionaries_of, plan
from lakebed.pure.compact.rewrite import Rewritten, rewrite, write_segment
from lakebed.pure.compact.wanted import Wanted
from lakebed.pure.context import random_u64
from lakebed.pure.damage import interruptible, named, operating_system
from lakebed.pure.files import segment_name
from lakebed.pure.format import header
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.format.records import Described
from lakebed.pure.json import whole_description
from lakebed.pure.json.description import Description
from lakebed.pure.json.settings import Settings
from lakebed.pure.opening import open_state
from lakebed.pure.scan.typed_schema import description_of
from lakebed.pure.state import State
from lakebed.pure.stats import held_bytes, segment_bytes, segment_count
from lakebed.pure.view import View
from lakebed.pure.write.index import keep_runs
from lakebed.pure.write.manifests import with_catalogue, write_manifest
from lakebed.pure.write.recovery import RESERVE, is_nearly_full, remove_replaced
from lakebed.pure.write.writer import Writer

__all__ = ["Asked", "apply_layout", "compact"]

Asked: TypeAlias = Callable[[State], Wanted]
"""The layouts that are wanted of a state."""


def compact(
    writer: Writer, asked: Asked, level: int | None, dry_run: bool, progress: EngineProgress | None
) -> dict[str, Any]:
    """Give back the space of what nothing reaches, gather small segments and frames, and store records in the layout
    that is asked for.

    Returns the fields of `lakebed.CompactReport`. Raises `InvalidArgument`, `Corrupt`, `StoreFull`, `Interrupted`.
    """
    if level is not None and not 1 <= level <= 22:
        raise InvalidArgument(f"The compression level is from 1 to 22, not {level}.")
    run = _Compaction(writer, asked, level, progress)
    return run.foreseen() if dry_run else run.carried_out()


def apply_layout(writer: Writer, name: str, asked: bool, progress: EngineProgress | None) -> dict[str, Any]:
    """Store as columns what was ingested into a collection, as far as its setting says so; `asked`: the setting was
    given with the ingest. Returns and raises as `compact`."""

    def wanted(state: State) -> Wanted:
        return Wanted.ingested(state, name, asked=asked)

    run = _Compaction(writer, wanted, None, progress, only_layout=True, encodes_unfit=asked)
    return run.carried_out() if run.has_work() else run.unchanged()


class _Compaction:
    def __init__(
        self,
        writer: Writer,
        asked: Asked,
        level: int | None,
        progress: EngineProgress | None,
        *,
        only_layout: bool = False,
        encodes_unfit: bool = False,
    ) -> None:
        """`only_layout`: segments are written again for their layout alone; `encodes_unfit`: also those whose rows are
        found unfit for columns."""
        self.writer = writer
        self.asked = asked
        self.level = level
        self.progress = progress
        self.only_layout = only_layout
        self.encodes_unfit = encodes_unfit
        self.begun = time.monotonic()
        self.wanted = Wanted()
        self.rewritten = self.skipped = self.removed = self.read = 0
        self.failed: dict[int, str] = {}
        """Why a segment could not be written again, by its number."""
        self.settled: set[int] = set()
        """Segments that were made, or whose layout stays what it is."""
        self.stays_rows: list[str] = []
        self.refused: dict[int, int] = {}
        """Of each collection whose rows stay in frames: the sequence number behind them."""

    @property
    def state(self) -> State:
        return self.writer.state

    def groups(self, everything: bool) -> list[Group]:
        """The groups that are left to do."""
        goals = Goals(everything, self.wanted.differs, self.only_layout, frozenset(self.settled))
        found = plan(self.state, View(self.state).reach, goals)
        return [group for group in found if not any(one.segment.number in self.failed for one in group.segments)]

    def has_work(self) -> bool:
        """Whether there is anything to do, also in the active segment."""
        self.wanted = self.asked(self.state)
        if self.groups(self.level is not None):
            return True
        return not self.only_layout and bool(self.unreached_large() or self.unused_dictionaries())

    def unreached_large(self) -> list[Any]:
        """Large blobs that go."""
        reach = View(self.state).reach
        return [one for one in self.state.catalogue.large.values() if one.blob not in reach]

    def foreseen(self) -> dict[str, Any]:
        """What would be done."""
        self.wanted = self.asked(self.state)
        groups = self.groups(self.level is not None)
        before = segment_bytes(self.state)
        large = self.unreached_large()
        gone = sum(group.file_bytes for group in groups)
        gone += sum(self.state.large_segment(one.segment).file.length for one in large)
        self.rewritten = sum(len(group.segments) for group in groups)
        self.removed = sum(group.removed for group in groups) + len(large)
        self.read = sum(group.file_bytes for group in groups)
        count = segment_count(self.state)
        after = before - gone + sum(group.estimate for group in groups)
        return self.report(True, count, count - self.rewritten + len(groups) - len(large), before, min(before, after))

    def unchanged(self) -> dict[str, Any]:
        """The report where nothing is to be done."""
        count, size = segment_count(self.state), segment_bytes(self.state)
        return self.report(False, count, count, size, size)

    def carried_out(self) -> dict[str, Any]:
        """Do it."""
        self.writer.commit()
        segments, size = segment_count(self.state), segment_bytes(self.state)
        if self.has_work():
            if is_nearly_full(self.writer.context):
                self.writer.context.directory.unlink(RESERVE)
            self.writer.seal()
        with interruptible(
            "Compaction was interrupted: the steps that were done stay done, and another `compact` goes on."
        ):
            self.run()
            if self.wanted.remembers and self.refused:
                self.remember()
        return self.report(False, segments, segment_count(self.state), size, segment_bytes(self.state))

    def run(self) -> None:
        """Write segments again until all is well."""
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
            if not self.only_layout and (self.unreached_large() or self.unused_dictionaries()):
                self.install(None, [])
        finally:
            self.writer.end()

    def remember(self) -> None:
        """Keep with the settings of collections which rows were found unfit for columns."""
        try:
            self.writer.begin()
            for id, end in self.refused.items():
                collection = self.writer.view.catalogue.collections.get(id)
                if collection is None:
                    continue
                settings = (description_of(collection).settings or Settings()).copy()
                if settings.stays_rows < end:
                    settings.stays_rows = end
                    self.writer.record(Described(id, Description(settings=settings).encode()))
        except BaseException:
            self.writer.end()
            raise
        self.writer.commit()

    def report(self, dry_run: bool, segments: int, segments_after: int, size: int, size_after: int) -> dict[str, Any]:
        return {
            "dry_run": dry_run,
            "segments_before": segments,
            "segments_after": segments_after,
            "bytes_before": size,
            "bytes_after": size_after,
            "rewritten_segments": self.rewritten,
            "skipped_segments": self.skipped,
            "removed_blobs": self.removed,
            "stays_rows": self.stays_rows,
            "held_bytes": held_bytes(self.state),
            "aside_bytes": self.state.disk_sizes()["aside"],
            "read_bytes": self.read,
            "seconds": time.monotonic() - self.begun,
        }

    def step(self, group: Group) -> None:
        """Write the segment of a group, and the manifest that names it in their place. Where there is no room for a
        group, its segments are written one by one."""
        numbers = [one.segment.number for one in group.segments]
        context = self.writer.context
        try:
            with operating_system(f"Compacting segments of {context.path}"), named(f"A segment of {context.path}"):
                entry = self.write(group)
                if entry is None:
                    return
                self.install(entry, numbers)
        except (StoreFull, Corrupt) as problem:
            why = str(problem)
        else:
            self.settled.add(entry.number)
            self.rewritten += len(numbers)
            self.removed += group.removed
            self.read += group.file_bytes
            if self.progress is not None:
                self.progress(self.read, None, self.removed, time.monotonic() - self.begun)
            return
        # The exception is gone, and with it the state that its frames hold.
        if len(numbers) == 1:
            self.failed[numbers[0]] = why
            return
        self.failed.update((one.segment.number, why) for one in group.segments if not one.is_due)
        singles = [Group([one]) for one in group.segments if one.is_due]
        for single in sorted(singles, key=lambda one: one.estimate):
            self.step(single)

    def write(self, group: Group) -> SealedSegment | None:
        """The new segment, whole and synced. Returns its entry in the manifest; None where a group was to get columns
        and nothing else, and its rows are not fit for that."""
        state, options, context = self.state, self.writer.context.options, self.writer.context
        number, salt = state.manifest.next_segment, random_u64()
        level = self.level or options.level
        place = PartPlace(context.directory, number, salt, level)
        parts = write_parts(state, group, self.wanted, place)
        for refused in parts.refused:
            self.refused[refused.collection] = max(refused.end, self.refused.get(refused.collection, 0))
            self.stays_rows.append(refused.why)
        # After an ingest that was to give columns, rows that stay rows are written again, as the engine in Rust does.
        stays = not (self.encodes_unfit and parts.refused)
        if not parts.written and group.only_layout and stays and not has_parts(group):
            self.settled.add(group.segments[0].segment.number)
            return None
        format, layout = (header.WITH_PARTS, header.COLUMNS) if parts.written else (header.COMPACTED, header.ROWS)
        first = group.entries[0].first_id
        name = segment_name(number)
        try:
            head = Header(format, layout, number, context.store_file.uuid, salt, first)
            everything = self.level is not None
            made = rewrite(state, group, head, parts.written, options.page_bytes, level, everything=everything)
            return self.written(group, made)
        except BaseException:
            context.directory.unlink(name)
            parts.remove(place)
            raise

    def written(self, group: Group, made: Rewritten) -> SealedSegment:
        """Write a segment to its file, with its footer, and sync it. Returns its entry."""
        context, entries = self.writer.context, group.entries
        entry = SealedSegment(
            made.head.number,
            made.head.layout,
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
            for segment in state.all_rows():
                loose -= dictionaries_of(segment)
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

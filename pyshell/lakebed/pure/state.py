"""The committed state of a store: its segments and its catalogue as of one commit. Nothing of it changes."""

from __future__ import annotations

import os
import stat as status_of
from bisect import bisect_right
from typing import Any

from lakebed.errors import Corrupt, StoreNotFound
from lakebed.pure.catalogue import Catalogue
from lakebed.pure.codec import Compressor, Decompressor
from lakebed.pure.columns.segment import ColumnsSegment, Rebuilt
from lakebed.pure.context import Context
from lakebed.pure.damage import named, operating_system
from lakebed.pure.files import SegmentFile, numbered
from lakebed.pure.format import header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import PartEntry
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.frames import DecodedFrame
from lakebed.pure.hash import digest
from lakebed.pure.lazy import lazy
from lakebed.pure.parts import GroupPart
from lakebed.pure.runs import Run, counting_runs
from lakebed.pure.segment import LargeSegment, RowsSegment, commit_at, read_header, sealed_rows
from lakebed.pure.walk import DamagedPlace

__all__ = ["Hold", "State"]


class Hold:
    """A shared lock on a manifest: what it names stays until this object is gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self) -> bytes:
        """The whole file. Raises `OSError`."""
        return os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)

    def __del__(self) -> None:
        os.close(self.descriptor)


class State:
    """The store as of a commit. `opening.open_state` makes it."""

    def __init__(
        self, context: Context, manifest_number: int, manifest: Manifest, hold: Hold | None, previous: State | None
    ) -> None:
        self.context = context
        self.manifest_number = manifest_number
        self.manifest = manifest
        self.hold = hold
        self.active: RowsSegment | None = None
        self.damage: list[DamagedPlace] = []
        """What cannot be read before the last commit of the active segment: rows are not all known then."""
        self.end = 0
        """Offset behind the last COMMIT of the active segment; 0 when it has none."""
        self.last_commit = manifest.last_commit
        self.last_seal = manifest.last_seal
        self.last_offset = 0
        """Offset of the last COMMIT in the active segment."""
        self.next_blob = manifest.next_blob
        self.catalogue = Catalogue()
        self.synced: int | None = None
        self.live_marks: Any = None if previous is None else previous.live_marks
        """What `reach` knows of the rows of this or an older state."""
        self.sealed = [segment for segment in manifest.segments if segment.layout != header.LARGE]
        """The sealed segments of the layouts rows and columns, by ascending blob ids."""
        self._firsts = [segment.first_id for segment in self.sealed]
        self.opened_rows: dict[int, RowsSegment] = {}
        self.opened_large: dict[int, LargeSegment] = {}
        if previous is not None:
            named_now = {segment.number for segment in manifest.segments}
            self.opened_rows = {number: one for number, one in previous.opened_rows.items() if number in named_now}
            self.opened_large = dict(previous.opened_large)

    def known_parts(self, file: SegmentFile, head: Header) -> dict[int, GroupPart] | None:
        """The parts of the active segment by the offset of their block, if `file` still begins with its groups."""
        active = self.active
        if active is None or active.file.identity != file.identity or active.header != head:
            return None
        try:
            if commit_at(file, self.last_offset, head).seal != self.last_seal:
                return None
        except Malformed:
            return None
        return {part.block.offset: part for part in active.parts if isinstance(part, GroupPart)}

    @property
    def lost(self) -> tuple[int, int] | None:
        """The first and the last number of acknowledged commits that are missing."""
        if self.synced is None or self.synced <= self.last_commit:
            return None
        return self.last_commit + 1, self.synced

    def follows(self, before: State) -> bool:
        """Whether an older state can have become this one."""
        return self.last_commit > before.last_commit or (
            self.last_commit == before.last_commit and self.last_seal == before.last_seal
        )

    def replaced_error(self) -> StoreNotFound:
        """The error of a store that does not follow this state."""
        return StoreNotFound(
            f"This store was replaced: {self.context.path} no longer has commit {self.last_commit}, as after a restore from a "
            "backup. What is open stays readable; open the path again to use what is there now."
        )

    def check_whole(self) -> None:
        """Raises `Corrupt` when tables of the active segment cannot be read: what they list is not to be taken for
        missing."""
        for place in self.damage:
            raise place.error()

    # --- Segments ---

    def rows_segment(self, entry: SealedSegment) -> RowsSegment:
        """A sealed segment of the layout rows or columns, opened when first used. Raises `Corrupt`, `StoreIOError`."""
        found = self.opened_rows.get(entry.number)
        if found is None:
            file, head = self._open(entry.number, entry.length)
            with named(f"Segment {entry.number} of {self.context.path}"):
                if head.layout != entry.layout:
                    raise Malformed("it has another layout than the manifest says")
                parts, path = sealed_rows(file, head, entry.last_commit), self.context.path
                if head.layout == header.COLUMNS:
                    mapped = self.context.options.mmap
                    found = ColumnsSegment(self.context.directory, mapped, file, head, parts, path)
                else:
                    found = RowsSegment(file, head, parts, path)
            self.opened_rows[entry.number] = found
        return found

    def parts_of(self, entry: SealedSegment) -> list[PartEntry]:
        """The parts of a sealed segment. Raises `Corrupt`, `StoreIOError`."""
        if entry.layout != header.COLUMNS:
            return []
        segment = self.rows_segment(entry)
        assert isinstance(segment, ColumnsSegment)
        return segment.part_entries()

    def file_bytes(self, entry: SealedSegment) -> int:
        """Bytes of the files of a sealed segment. Raises `Corrupt`, `StoreIOError`."""
        return entry.length + sum(part.length for part in self.parts_of(entry))

    def large_segment(self, number: int) -> LargeSegment:
        """A segment of one large blob. Raises `Corrupt`, `StoreIOError`."""
        found = self.opened_large.get(number)
        if found is None:
            lengths = [one.file_length for one in self.catalogue.large.values() if one.segment == number]
            file, head = self._open(number, lengths[0] if lengths else None)
            with named(f"Segment {number} of {self.context.path}"):
                if head.layout != header.LARGE:
                    raise Malformed("it does not hold a large blob")
                found = self.opened_large[number] = LargeSegment(file, head, self.context.path)
        return found

    def _open(self, number: int, length: int | None) -> tuple[SegmentFile, Header]:
        what = f"Segment {number} of {self.context.path}"
        try:
            with named(what):
                file = SegmentFile(self.context.directory, number, mapped=self.context.options.mmap, length=length)
                return file, read_header(file, number, self.context.store_file.uuid)
        except FileNotFoundError:
            raise Corrupt(f"{what} is missing. What is in other segments stays readable.") from None
        except OSError:
            with operating_system(f"Opening segment {number} of {self.context.path}"):
                raise

    def all_rows(self) -> list[RowsSegment]:
        """All segments of the rows layout in order, whole. Raises `Corrupt`, `StoreIOError`."""
        self.check_whole()
        return self.readable_rows()

    def readable_rows(self) -> list[RowsSegment]:
        """The same, of the active one what can be read. Raises `Corrupt`, `StoreIOError`."""
        found = [self.rows_segment(entry) for entry in self.sealed]
        return found if self.active is None else [*found, self.active]

    def own_raw_bytes(self, entry: SealedSegment) -> int:
        """Bytes of the blobs in a segment: what the manifest says contains its large blobs, which have segments of
        their own, but for a segment that compaction wrote. Raises `Corrupt`, `StoreIOError`."""
        inside = [one for one in self.catalogue.large.values() if entry.first_id <= one.blob < entry.end_id]
        if entry.layout == header.LARGE or not inside or self.rows_segment(entry).header.is_rewritten:
            return entry.raw_bytes
        return max(entry.raw_bytes - sum(one.length for one in inside), 0)

    def segment_of(self, id: int) -> RowsSegment | None:
        """The segment whose range of ids a blob lies in, unless it is a large one. Raises `Corrupt`, `StoreIOError`."""
        if self.active is not None and id >= self.manifest.next_blob:
            return self.active
        at = bisect_right(self._firsts, id) - 1
        if at < 0 or id >= self.sealed[at].end_id:
            return None
        return self.rows_segment(self.sealed[at])

    def replaced(self) -> list[int]:
        """The segments whose files are there and that the manifest, which gave later numbers, does not name: a
        compaction replaced them. Raises `OSError`."""
        named = {one.number for one in self.manifest.segments} | {self.manifest.active}
        named |= {one.segment for one in self.catalogue.large.values()}
        numbers = numbered(self.context.directory.names("segments"), 12, ".seg")
        return [number for number in numbers if number not in named and number < self.manifest.next_segment]

    # --- Blobs ---

    def frame_of(self, id: int) -> tuple[DecodedFrame | Rebuilt, int] | None:
        """The frame or the rebuilt record that holds a blob, and its place there; None for a large blob and one that is
        not there. Raises `Corrupt`, `StoreIOError`."""
        segment = self.segment_of(id)
        return None if segment is None else segment.frame_of(id, self.context.cache, self.decompressor)

    def blob(self, id: int) -> bytes | None:
        """The bytes of a blob; None when it is not there. Raises `Corrupt`, `StoreIOError`."""
        found = self.frame_of(id)
        if found is not None:
            frame, place = found
            return frame.blob(place)
        large = self.catalogue.large.get(id)
        if large is not None:
            return self.large_segment(large.segment).data(self.decompressor)
        if self.manifest.next_blob <= id < self.next_blob:
            self.check_whole()
        return None

    def holds(self, id: int) -> bool:
        """Whether the bytes of a blob are there. Raises `Corrupt`, `StoreIOError`."""
        if id in self.catalogue.large:
            return True
        segment = self.segment_of(id)
        return segment is not None and segment.holds(id)

    def candidates(self, low: int, high: int, damage: list[Corrupt] | None = None) -> list[int]:
        """The ids of the blobs with fingerprints from `low` to `high`, reached or not.

        `damage`: takes the damage of segments that cannot be searched; without it, that raises `Corrupt`.
        """
        found = [large.blob for large in self.catalogue.large.values() if low <= large.fingerprint <= high]
        left_out: set[int] = set()
        for run, numbers in self._runs:
            try:
                left_out.update(set(numbers).difference([numbers[place] for place in run.candidates(low, high)]))
            except Malformed:
                # A damaged run does not count: its segments are searched one by one.
                continue
        for entry in self.sealed:
            if entry.number not in left_out:
                try:
                    found += self.rows_segment(entry).candidates(low, high)
                except Corrupt as problem:
                    if damage is None:
                        raise
                    damage.append(problem)
        if self.active is not None:
            for part in self.active.parts:
                try:
                    found += self.active.candidates_in(part, low, high)
                except Corrupt as problem:
                    if damage is None:
                        raise
                    damage.append(problem)
        if damage is None:
            self.check_whole()
        return found

    @lazy
    def _runs(self) -> list[tuple[Run, list[int]]]:
        """The store-wide runs that count, each with the segments it covers."""
        try:
            return counting_runs(self.context, self.sealed)
        except OSError:
            return []

    # --- Dictionaries ---

    def dictionary(self, number: int) -> bytes:
        """The bytes of a dictionary. Raises `Malformed` when it is not there or damaged, `Corrupt`."""
        entry = next((one for one in self.catalogue.dictionaries if one.number == number), None)
        if entry is None:
            raise Malformed(f"dictionary {number} does not exist")
        data = self.blob(entry.blob)
        if data is None or digest(data) != entry.hash:
            raise Malformed(f"the bytes of dictionary {number} are not those that were installed")
        return data

    def decompressor(self, number: int | None) -> Decompressor:
        """The decompressor for frames with a dictionary, or without. Raises `Malformed`, `Corrupt`."""
        return self.context.decompressor(number, self.dictionary)

    def compressor(self, level: int, number: int | None) -> Compressor:
        """The compressor for a level, with a dictionary or without. Raises `Malformed`, `Corrupt`."""
        return self.context.compressor(level, number, self.dictionary)

    # --- Sizes ---

    def disk_sizes(self) -> dict[str, int]:
        """Bytes of files: `index`, `aside`, and `other` for everything else but those. Raises
        `StoreIOError`."""
        directory = self.context.directory
        with operating_system(f"Reading {self.context.path}"):
            found = {name: sum(directory.sizes(name).values()) for name in ("index", "aside", "manifests")}
            found["other"] = found.pop("manifests") + found["aside"]
            for name in directory.names("."):
                status = directory.stat(name)
                if status is not None and status_of.S_ISREG(status.st_mode):
                    found["other"] += status.st_size
            return found

"""A damaged segment, in the place of a whole one: whatever is whole of it, for repair to write again as rows.

Of its own file that is what `salvage` finds. Of a part it is each record all of whose pages are whole. A part is looked
for under its name, in `aside/`, and under the names of other parts of its length.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from lakebed.errors import Corrupt
from lakebed.pure.codec import Decompressor
from lakebed.pure.columns.part import ColumnsPart, recent_pages
from lakebed.pure.columns.segment import ColumnsSegment, Rebuilt
from lakebed.pure.context import Context
from lakebed.pure.files import SegmentFile, part_name, part_of
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import PartEntry, PartList
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.tables import BatchEntry, FrameEntry
from lakebed.pure.frames import DecodedFrame, FrameCache
from lakebed.pure.hash import digest, fingerprint
from lakebed.pure.parts import GroupPart
from lakebed.pure.repair.salvage import Salvaged, WholeFrame

__all__ = ["SalvagedSegment"]

Decompressors = Callable[[int | None], Decompressor]
"""Gives the decompressor for a dictionary, or for none."""


class _SalvagedPart(GroupPart):
    """What is whole of a segment, in the place of what an index block says."""

    def __init__(self, found: Salvaged) -> None:
        self.header = found.header
        self.file = found.file
        self._found = found
        self.tell(found.frames, [])

    def tell(self, frames: list[WholeFrame], records: list[tuple[int, int]]) -> None:
        """Blobs are in these frames, and in parts: those are given by their ids. Each comes with its fingerprint once
        it is known."""
        self._frames = frames
        in_parts = ((id, id + 1) for id, _ in records)
        vars(self).update(
            frames=[FrameEntry(one.ids.starts[0], one.offset) for one in frames],
            ids=Ids.merged([*(run for one in frames for run in one.ids.runs()), *in_parts]),
            batches=self._found.batches,
            records=[],
        )

    def prove(self, fingerprints: list[int]) -> None:
        """The fingerprint of each blob, by ascending ids, and the commits as they are kept."""
        vars(self).update(
            fingerprints=fingerprints, commits=[self._found.commits[number] for number in sorted(self._found.commits)]
        )

    def frame_of(self, id: int) -> int | None:
        # Until they are decoded, frames may claim the same blobs.
        return next((one.offset for one in self._frames if id in one.ids), None)


class SalvagedSegment(ColumnsSegment):
    """The segment of what is whole."""

    def __init__(self, context: Context, found: Salvaged) -> None:
        self.found = found
        self._context = context
        self._whole = _SalvagedPart(found)
        super().__init__(context.directory, False, found.file, found.header, [self._whole], context.path)
        self._records_of: dict[int, Ids] = {}
        """The ids of the records of each part that can be read."""
        vars(self)["_list"] = PartList([], Ids())

    def keep_batches(self, keep: Callable[[BatchEntry], bool]) -> None:
        """Leave row batches out. To be called before the blobs are proven."""
        self.found.batches = [batch for batch in self.found.batches if keep(batch)]
        self._whole.tell(self.found.frames, [])

    def prove(self, decompressor: Decompressors, first: int, end: int, advance: Callable[[int], None]) -> None:
        """Decode every frame and rebuild every record, and forget those that cannot be decoded, or whose blobs are not
        from `first` to below `end`, or known already. To be called once, when the dictionaries can be read. Raises
        `StoreIOError`."""
        frames: list[WholeFrame] = []
        known: set[int] = set()
        fingerprints: dict[int, int] = {}
        for frame in self.found.frames:
            advance(frame.length)
            if frame.ids.starts[0] < first or frame.ids.ends[-1] > end or any(id in known for id in frame.ids):
                continue
            try:
                decoded = self._decode(frame.offset, decompressor)
            except (Malformed, Corrupt):
                continue
            known.update(frame.ids)
            frames.append(frame)
            fingerprints.update({id: fingerprint(digest(decoded.blob(place))) for place, id in enumerate(frame.ids)})
        records: list[tuple[int, int]] = []
        entries = []
        for entry in self.found.parts.parts:
            best = self._best(entry, decompressor, first, end, known, advance)
            if best is None:
                continue
            part, found = best
            self._opened[entry.collection] = part
            self._records_of[entry.collection] = Ids.of(id for id, _ in found)
            entries.append(entry)
            records += found
            known.update(id for id, _ in found)
        vars(self)["_list"] = PartList(entries, Ids())
        fingerprints.update(records)
        self._whole.tell(frames, records)
        self._whole.prove([fingerprints[id] for id in sorted(fingerprints)])

    def _best(
        self,
        entry: PartEntry,
        decompressor: Decompressors,
        first: int,
        end: int,
        known: set[int],
        advance: Callable[[int], None],
    ) -> tuple[ColumnsPart, list[tuple[int, int]]] | None:
        """Of the files that may be this part, the one of which the most records can be read; and their ids and
        fingerprints."""
        best: tuple[ColumnsPart, list[tuple[int, int]]] | None = None
        try:
            table = self._table(entry, decompressor)
        except Malformed:
            return None
        for name in _candidates(self._context, self.number, entry):
            try:
                file = SegmentFile(self._context.directory, self.number, mapped=False, name=name)
                part = ColumnsPart(file, self.header.salt, entry, table)
            except Malformed:
                continue
            found = [
                (id, fingerprint(digest(record)))
                for id, record in _readable(part, advance)
                if first <= id < end and id not in known
            ]
            if found and (best is None or len(best[1]) < len(found)):
                best = part, found
            if len(found) == len(table.ids):
                break
        return best

    def frame_of(
        self, id: int, cache: FrameCache, decompressor: Decompressors
    ) -> tuple[DecodedFrame | Rebuilt, int] | None:
        del cache  # The file may be another one than that of the whole segment of this number.
        with self.named():
            for entry in self._list.parts:
                row = self._opened[entry.collection].ids.ordinal(id)
                if row is not None and id in self._records_of[entry.collection]:
                    part = self._opened[entry.collection]
                    return Rebuilt(part.record(row, recent_pages(part.table))), 0
            offset = self._whole.frame_of(id)
            if offset is None:
                return None
            found = self._decode(offset, decompressor)
            place = found.frame.ids.ordinal(id)
            return None if place is None else (found, place)

    def _records(self, part: ColumnsPart, wanted: Container[int] | None) -> Iterator[tuple[int, bytes]]:
        kept = recent_pages(part.table)
        readable = self._records_of[part.entry.collection]
        with self.named():
            for row, id in enumerate(part.ids):
                if id in readable and (wanted is None or id in wanted):
                    yield id, part.record(row, kept)


def _readable(part: ColumnsPart, advance: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """The ids and bytes of the records all of whose pages are whole."""
    kept = recent_pages(part.table)
    for row, id in enumerate(part.ids):
        try:
            record = part.record(row, kept)
        except Malformed:
            continue
        advance(len(record))
        yield id, record


def _candidates(context: Context, number: int, entry: PartEntry) -> list[str]:
    """The names of files that may be a part: its own, copies in `aside/`, other parts of its length. Raises
    `OSError`."""
    directory = context.directory
    stem = f"{number:012}-{entry.collection}-"
    found = [
        f"aside/{name}" for name in directory.names("aside") if name.startswith(stem) and name.endswith(".parquet")
    ]
    sizes = directory.sizes("segments")
    for name, size in sizes.items():
        part = part_of(name)
        if part == (number, entry.collection):
            found.insert(0, part_name(*part))
        elif part is not None and size == entry.length:
            found.append(part_name(*part))
    return found

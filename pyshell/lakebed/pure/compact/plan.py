"""Which sealed segments are written again, and which neighbours become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lakebed.pure.catalogue import Catalogue
from lakebed.pure.format import header
from lakebed.pure.format.footer import UNIT
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.frames import read_frame
from lakebed.pure.reach import Reach
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Group", "kept_ids", "plan"]

_SMALL = 2
"""A segment of at most the segment size divided by it may be joined with a neighbour."""


class Examined(NamedTuple):
    """A sealed segment, and what is kept of it."""

    entry: SealedSegment
    kept: set[int]
    """The ids of its blobs that are kept."""
    estimate: int
    """Bytes of a segment with what is kept."""
    has_dead: bool
    """Whether blobs or rows are left out."""
    file_bytes: int
    """Bytes of its files."""


class Group(NamedTuple):
    """Neighbouring segments that one new segment takes the place of."""

    segments: list[Examined]

    @property
    def estimate(self) -> int:
        return sum(one.estimate for one in self.segments)

    @property
    def removed(self) -> int:
        """Blobs that are left out."""
        return sum(one.entry.blobs - len(one.kept) for one in self.segments)

    @property
    def emptiness(self) -> float:
        """The share of the bytes that goes."""
        return 1 - self.estimate / max(sum(one.file_bytes for one in self.segments), 1)


def kept_ids(state: State, reach: Reach) -> set[int]:
    """The dictionaries that frames need although no collection has them any more. Raises `Corrupt`."""
    catalogue = state.catalogue
    loose = {one.number: one.blob for one in catalogue.dictionaries if one.blob not in reach}
    if not loose:
        return set()
    used = {number for entry in state.sealed for number in dictionaries_of(state.rows_segment(entry))}
    return {blob for number, blob in loose.items() if number in used}


def dictionaries_of(segment: RowsSegment) -> set[int]:
    """The numbers of the dictionaries that frames of a segment are compressed with. Raises `Malformed`,
    `StoreIOError`."""
    found = set()
    for part in segment.parts:
        for entry in part.frames:
            frame, _ = read_frame(segment.file, entry.offset, segment.header.salt)
            if frame.dictionary is not None:
                found.add(frame.dictionary)
    return found


def plan(
    state: State, reach: Reach, segment_bytes: int, *, everything: bool, to_rows: Callable[[SealedSegment], bool]
) -> list[Group]:
    """The groups to write again, the emptiest first.

    - `everything`: all segments of rows, whatever is in them.
    - `to_rows`: whether a segment is to be written again because of its columns. One of which nothing is to go stays as
      it is otherwise.

    Raises `Corrupt`, `StoreIOError`.
    """
    needed = kept_ids(state, reach)
    groups: list[list[Examined]] = []
    columns = {entry.number for entry in state.sealed if entry.layout == header.COLUMNS}
    for entry in state.sealed:
        one = _examined(state, entry, reach, needed)
        before = groups[-1] if groups else []
        size = sum(other.estimate for other in before)
        joins = (
            bool(before)
            and not columns & {entry.number, before[-1].entry.number}
            and size + one.estimate <= segment_bytes
            and (one.estimate <= segment_bytes // _SMALL or size <= segment_bytes // _SMALL)
        )
        if joins:
            before.append(one)
        else:
            groups.append([one])
    chosen = [
        Group(group)
        for group in groups
        if len(group) > 1
        or group[0].has_dead
        or (to_rows(group[0].entry) if group[0].entry.number in columns else everything)
    ]
    return sorted(chosen, key=lambda group: -group.emptiness)


def _examined(state: State, entry: SealedSegment, reach: Reach, needed: set[int]) -> Examined:
    segment = state.rows_segment(entry)
    kept = {id for part in segment.parts for id in part.ids if id in reach or id in needed}
    size = state.file_bytes(entry)
    dead_rows = any(is_dead(state.catalogue, one.collection, one.first_seq) for one in segment.all_batches())
    if len(kept) == entry.blobs and not dead_rows:
        return Examined(entry, kept, size, False, size)
    share = len(kept) / entry.blobs if entry.blobs else 0.0
    estimate = int((size - UNIT) * share) + UNIT
    return Examined(entry, kept, estimate, True, size)


def is_dead(catalogue: Catalogue, collection: int, seq: int) -> bool:
    """Whether a row is gone because its collection is, or was trimmed."""
    found = catalogue.collections.get(collection)
    return found is None or seq < found.first_live

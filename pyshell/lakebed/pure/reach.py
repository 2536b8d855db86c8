"""Which blobs are reached: by live rows, by being pinned, by being the dictionary of a collection that exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakebed.errors import Corrupt
from lakebed.pure.catalogue import Catalogue
from lakebed.pure.pending import PendingRows
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Reach"]


class Reach:
    """The reached blobs as of a catalogue.

    While nothing was dropped or trimmed, that is every blob that is not deleted, and nothing is read. Otherwise the row
    batches are read once, and each reached id is marked by a byte.
    """

    def __init__(self, state: State, catalogue: Catalogue, pending: Iterable[PendingRows], end_id: int) -> None:
        """`pending` are rows that are not committed yet. Raises `Corrupt`, `StoreIOError`."""
        self.catalogue = catalogue
        self.marks: bytearray | None = None
        """A byte for each id: 1 where it is reached. None: all that are not deleted are."""
        if catalogue.is_whole:
            return
        live = {id: collection.first_live for id, collection in catalogue.collections.items()}
        self.marks = bytearray(_live_marks(state, live)).ljust(end_id, b"\0")
        for rows in pending:
            collection = catalogue.collections.get(rows.collection)
            if collection is not None:
                for id in rows.blobs[max(collection.first_live - rows.first_seq, 0) :]:
                    self.marks[id] = 1
        for start, end in catalogue.pinned.ids().runs():
            self.marks[start:end] = b"\1" * (end - start)
        for dictionary in catalogue.dictionaries:
            if dictionary.collection in catalogue.collections:
                self.marks[dictionary.blob] = 1
        for id in catalogue.deleted:
            self.marks[id] = 0

    def __contains__(self, id: int) -> bool:
        if self.marks is None:
            return id not in self.catalogue.deleted
        return id < len(self.marks) and self.marks[id] == 1

    @property
    def is_whole(self) -> bool:
        """Whether every blob that is not deleted is reached."""
        return self.marks is None

    def ids(self) -> Iterable[int]:
        """The reached ids, if not all are."""
        marks = self.marks or bytearray()
        at = marks.find(1)
        while at >= 0:
            yield at
            at = marks.find(1, at + 1)

    def count(self) -> int:
        """Their number, if not all are reached."""
        return (self.marks or bytearray()).count(1)


class LiveMarks(NamedTuple):
    """The blobs that committed rows reach, as far as a commit."""

    commit: int
    live: dict[int, int]
    """The first live sequence number of each collection that exists."""
    marks: bytearray
    """A byte for each id: 1 where a live row names it."""

    def extend_to(self, live: dict[int, int]) -> bool:
        """Whether the rows that were live are live now, too."""
        return all(live.get(id) == first for id, first in self.live.items())


def _live_marks(state: State, live: dict[int, int]) -> bytearray:
    """The marks of the committed rows of a state; rows of commits that an older state had are not read again."""
    before: LiveMarks | None = state.live_marks
    marks, after = bytearray(state.next_blob), -1
    if before is not None and before.extend_to(live):
        marks, after = before.marks.ljust(state.next_blob, b"\0"), before.commit
    is_whole = True
    if after < state.last_commit:
        for segment in _segments(state):
            is_whole &= segment is not None and _mark(segment, live, after, marks)
            if segment is None:
                # Its rows may name any blob: damage hides nothing.
                marks[:] = b"\1" * len(marks)
    if not is_whole:
        return marks
    state.live_marks = LiveMarks(state.last_commit, live, marks)
    return marks


def _segments(state: State) -> Iterator[RowsSegment | None]:
    """The segments with rows; None for one whose tables cannot be read. Raises `StoreIOError`."""
    if state.damage:
        yield None
    for entry in state.sealed:
        try:
            segment = state.rows_segment(entry)
            segment.all_batches()
        except Corrupt:
            yield None
        else:
            yield segment
    if state.active is not None:
        yield state.active


def _mark(segment: RowsSegment, live: dict[int, int], after: int, marks: bytearray) -> bool:
    """Mark what the live rows of commits after that one name. Whether all could be read: those that cannot count as
    naming all that they may name."""
    is_whole = True
    for entry in segment.all_batches():
        first_live = live.get(entry.collection)
        if first_live is None or entry.end_seq <= first_live or (entry.commit or 0) <= after:
            continue
        try:
            for id in segment.batch(entry).blobs[max(first_live - entry.first_seq, 0) :]:
                marks[id] = 1
        except Corrupt:
            is_whole = False
            marks[entry.first_blob : entry.last_blob + 1] = b"\1" * (entry.last_blob + 1 - entry.first_blob)
    return is_whole

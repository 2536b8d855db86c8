"""Which blobs are reached: by live rows, by being pinned, by being the dictionary of a collection that exists."""

from __future__ import annotations

from collections.abc import Iterable

from lakebed.pure.catalogue import Catalogue
from lakebed.pure.pending import PendingRows
from lakebed.pure.state import State

__all__ = ["Reach"]


class Reach:
    """The reached blobs as of a catalogue.

    While nothing was dropped or trimmed, that is every blob that is not deleted, and nothing is read. Otherwise the row
    batches are read once, and each reached id is marked by a byte.
    """

    def __init__(
        self,
        state: State,
        catalogue: Catalogue,
        pending: Iterable[PendingRows],
        end_id: int,
        before: Reach | None = None,
    ) -> None:
        """`pending` are rows that are not committed yet; `before` is the reach of an older state, which is extended
        where that is possible. Raises `Corrupt`, `StoreIOError`."""
        self.catalogue = catalogue
        self.commit = state.last_commit
        self.committed: bytearray | None = None
        """A byte for each id: 1 where a committed row is live."""
        self.marks: bytearray | None = None
        """A byte for each id: 1 where it is reached. None: all that are not deleted are."""
        if catalogue.is_whole:
            return
        marks, after = bytearray(end_id), 0
        if before is not None and before.committed is not None and before.extends_to(catalogue):
            marks, after = before.committed.ljust(end_id, b"\0"), before.commit
        for segment in state.all_rows():
            for entry in segment.all_batches():
                collection = catalogue.collections.get(entry.collection)
                if collection is None or entry.end_seq <= collection.first_live or (entry.commit or 0) <= after:
                    continue
                blobs = segment.batch(entry).blobs
                for id in blobs[max(collection.first_live - entry.first_seq, 0) :]:
                    marks[id] = 1
        self.committed = marks
        self.marks = bytearray(marks)
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

    def extends_to(self, catalogue: Catalogue) -> bool:
        """Whether the rows that were live before are live in a later catalogue."""
        for id, collection in self.catalogue.collections.items():
            now = catalogue.collections.get(id)
            if now is None or now.first_live != collection.first_live:
                return False
        return True

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

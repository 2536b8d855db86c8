"""A view: the store as of a commit, with the changes that are pending, if there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lakebed.errors import AmbiguousPrefix, BlobNotFound, CollectionNotFound, Corrupt
from lakebed.pure.catalogue import Catalogue, Collection
from lakebed.pure.format.rows import RowBatch
from lakebed.pure.format.tables import BatchEntry
from lakebed.pure.hash import digest, fingerprint, named_range
from lakebed.pure.json.quoting import quoted
from lakebed.pure.pending import Pending
from lakebed.pure.reach import Reach
from lakebed.pure.segment import RowsSegment
from lakebed.pure.spelling import hint
from lakebed.pure.state import State

__all__ = ["LiveRow", "View"]


class LiveRow(NamedTuple):
    """A live row."""

    seq: int
    blob: int
    file: int
    """0: no file and no line."""
    line: int
    time: int


class View:
    """What a store object or a snapshot shows."""

    def __init__(self, state: State, pending: Pending | None = None) -> None:
        self.state = state
        self.pending = pending
        self._reach: Reach | None = None

    def frozen(self) -> View:
        """The same, whatever becomes pending later."""
        made = View(self.state, None if self.pending is None else self.pending.frozen())
        made._reach = self._reach if self.pending is None else None
        return made

    @property
    def catalogue(self) -> Catalogue:
        return self.state.catalogue if self.pending is None else self.pending.catalogue

    def collection(self, name: str) -> Collection:
        """The collection of this name. Raises `CollectionNotFound`."""
        found = self.catalogue.named(name)
        if found is None:
            known = [one.name for one in self.catalogue.collections.values()]
            others = f"among those it has are {', '.join(known[:8])}." if known else "it has none yet."
            raise CollectionNotFound(
                f"The store {self.state.context.path} has no collection {quoted(name)}; {hint(name, known, others)}"
            )
        return found

    # --- Blobs ---

    @property
    def reach(self) -> Reach:
        """The reached blobs. Raises `Corrupt`, `StoreIOError`."""
        if self._reach is None or (self.pending is not None and self._reach.catalogue is not self.catalogue):
            rows = () if self.pending is None else self.pending.rows
            end_id = self.state.next_blob if self.pending is None else self.pending.next_blob
            self._reach = Reach(self.state, self.catalogue, rows, end_id)
        return self._reach

    def forget_reach(self) -> None:
        """For a change of what is pending."""
        self._reach = None

    def blob(self, id: int) -> bytes | None:
        """The bytes of a blob by its id; None when it is not there. Raises `Corrupt`, `StoreIOError`."""
        if self.pending is not None and id >= self.state.next_blob:
            return self.pending.blob(id)
        return self.state.blob(id)

    def proven(self, id: int) -> tuple[bytes, bytes] | None:
        """The bytes of a blob and their hash; None when it is not there. Raises `Corrupt`, `StoreIOError`."""
        if self.pending is None or id < self.state.next_blob:
            found = self.state.frame_of(id)
            if found is not None:
                frame, place = found
                data = frame.blob(place)
                hash = frame.proven.get(place)
                if hash is None:
                    hash = frame.proven[place] = digest(data)
                return data, hash
        whole = self.blob(id)
        return None if whole is None else (whole, digest(whole))

    def candidates(self, low: int, high: int, damage: list[Corrupt] | None = None) -> list[int]:
        """The ids of the reached blobs with fingerprints from `low` to `high`; `damage` as for `State.candidates`.
        Raises `Corrupt`, `StoreIOError`."""
        found = self.state.candidates(low, high, damage)
        if self.pending is not None:
            found += self.pending.candidates(low, high)
        if not found:
            return found
        reach = self.reach
        return [id for id in found if id in reach]

    def find(self, name: object) -> tuple[int, bytes, bytes] | None:
        """The id, the bytes and the hash of the one blob that a hash or a prefix names; None when there is none.

        Raises `AmbiguousPrefix`, `InvalidArgument`, `Corrupt`, `StoreIOError`; `TypeError`.
        """
        low, high = named_range(name)
        found: tuple[int, bytes, bytes] | None = None
        damage: list[Corrupt] = []
        for id in self.candidates(fingerprint(low), fingerprint(high), damage):
            proven = self.proven(id)
            if proven is None or not low <= proven[1] <= high:
                continue
            if low == high:
                return id, *proven
            if found is not None and found[2] != proven[1]:
                raise AmbiguousPrefix(
                    f"Several blobs have hashes that begin with {name}, among them {found[2].hex()} and {proven[1].hex()}; give more "
                    "characters."
                )
            found = id, *proven
        if damage and (found is None or low != high):
            # It, or another one with this prefix, may be in a segment that cannot be searched.
            raise damage[0]
        if found is None:
            self.state.check_whole()
        return found

    def found(self, name: object) -> tuple[int, bytes, bytes]:
        """As `find`. Raises `BlobNotFound` too."""
        found = self.find(name)
        if found is None:
            shown = name if isinstance(name, str) else bytes(name).hex()  # type: ignore[call-overload]
            which = f"of hash {shown.lower()}" if len(shown) == 64 else f"whose hash begins with {shown}"
            raise BlobNotFound(f"The store has no blob {which}.")
        return found

    def dictionary(self, number: int) -> bytes:
        """The bytes of a dictionary, which may be pending. Raises `Malformed`, `Corrupt`."""
        if self.pending is not None:
            found = next((one for one in self.catalogue.dictionaries if one.number == number), None)
            data = None if found is None or found.blob < self.state.next_blob else self.pending.blob(found.blob)
            if data is not None:
                return data
        return self.state.dictionary(number)

    def blob_count(self) -> int:
        """Live blobs, dictionaries not counted; where that cannot be found out, all that may be there. Raises
        `Corrupt`, `StoreIOError`."""
        reach = self.reach
        dictionaries = {one.blob for one in self.catalogue.dictionaries}
        if reach.is_whole and self.state.damage:
            return self.state.next_blob - len(self.catalogue.deleted) - len(dictionaries)
        if reach.is_whole:
            # Large blobs are in the catalogue, the others in frames or pending.
            there = sum(entry.blobs for entry in self.state.sealed) + len(self.catalogue.large)
            there += self.state.active.blobs if self.state.active is not None else 0
            there += self.pending.small_blobs if self.pending is not None else 0
            there -= sum(1 for id in self.catalogue.deleted if self.holds(id))
            return there - sum(1 for id in dictionaries if id in reach)
        return reach.count() - sum(1 for id in dictionaries if id in reach)

    def holds(self, id: int) -> bool:
        """Whether the bytes of a blob are there. Raises `Corrupt`, `StoreIOError`."""
        if self.pending is not None and id >= self.state.next_blob:
            return self.pending.blob(id) is not None
        return self.state.holds(id)

    # --- Rows ---

    def rows_of_blob(self, collection: Collection, id: int) -> Iterator[int]:
        """The sequence numbers of the live rows of a collection that hold a blob. Raises `Corrupt`, `StoreIOError`."""
        if id in self.catalogue.deleted:
            return
        for segment, entry in self.batches(collection, collection.first_live, None):
            if entry.first_blob <= id <= entry.last_blob:
                for place, blob in enumerate(segment.batch(entry).blobs):
                    if blob == id and entry.first_seq + place >= collection.first_live:
                        yield entry.first_seq + place
        for rows in self.pending.rows_of(collection.id) if self.pending is not None else ():
            for place, blob in enumerate(rows.blobs):
                if blob == id and rows.first_seq + place >= collection.first_live:
                    yield rows.first_seq + place

    def batches(
        self, collection: Collection, start: int, stop: int | None, as_of: int | None = None
    ) -> Iterator[tuple[RowsSegment, BatchEntry]]:
        """The committed row batches of a collection that have rows from `start` to below `stop`; `as_of`: of commits up
        to this one. Raises `Corrupt`, `StoreIOError`."""
        for segment in self.state.all_rows():
            for entry in segment.batches(collection.id):
                if entry.end_seq <= start or (stop is not None and entry.first_seq >= stop):
                    continue
                if as_of is None or (entry.commit or 0) <= as_of:
                    yield segment, entry

    def rows(
        self, collection: Collection, start: int = 0, stop: int | None = None, as_of: int | None = None
    ) -> Iterator[LiveRow]:
        """The live rows of a collection in order, with sequence numbers from `start` to below `stop`.

        `as_of`: those of commits up to this one. Raises `Corrupt`, `StoreIOError`.
        """
        start = max(start, collection.first_live)
        deleted = self.catalogue.deleted
        for segment, entry in self.batches(collection, start, stop, as_of):
            yield from _live(segment.batch(entry), start, stop, deleted)
        if self.pending is not None and as_of is None:
            for rows in self.pending.rows_of(collection.id):
                batch = RowBatch(rows.collection, rows.first_seq, rows.blobs, rows.file, rows.lines, rows.time, None)
                yield from _live(batch, start, stop, deleted)


def _live(batch: RowBatch, start: int, stop: int | None, deleted: object) -> Iterator[LiveRow]:
    first = batch.first_seq
    begin = max(start - first, 0)
    end = len(batch.blobs) if stop is None else min(len(batch.blobs), stop - first)
    lines = batch.lines
    for place in range(begin, end):
        blob = batch.blobs[place]
        if deleted and blob in deleted:  # type: ignore[operator]
            continue
        yield LiveRow(first + place, blob, batch.file, lines[place] if lines else 0, batch.time)

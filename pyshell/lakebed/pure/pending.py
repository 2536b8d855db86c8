"""The pending group: blobs, rows and records that the next commit writes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakebed.pure.catalogue import Catalogue
from lakebed.pure.format.records import Record

__all__ = ["Pending", "PendingRows"]


class PendingRows(NamedTuple):
    """Rows of one collection with consecutive sequence numbers, one file and one time."""

    collection: int
    first_seq: int
    blobs: list[int]
    file: int
    lines: list[int]
    time: int


class PendingBlob(NamedTuple):
    """A blob that is not committed yet."""

    data: bytes
    fingerprint: int
    dictionary: int | None
    """The dictionary to compress it with."""


class Pending:
    """Changes that are not committed yet. Everything in it but the catalogue only grows, until it is thrown away."""

    def __init__(self, catalogue: Catalogue, next_blob: int) -> None:
        """`catalogue` is the one of the state that it changes, of which it takes a copy."""
        self.catalogue = catalogue.copy()
        self.first_blob = next_blob
        self.next_blob = next_blob
        self.blobs: dict[int, PendingBlob] = {}
        self.large: dict[int, bytes] = {}
        """The bytes of large blobs, which are in segments of their own already."""
        self.rows: list[PendingRows] = []
        self.records: list[Record] = []
        self.pins: list[int] = []
        self.raw_bytes = 0
        self._ids: dict[int, list[int]] = {}
        """The ids of the blobs of each fingerprint."""
        self._sorted: list[int] | None = None

    def frozen(self) -> Pending:
        """The same, whatever is added later."""
        made = Pending.__new__(Pending)
        made.__dict__.update(self.__dict__)
        made.catalogue = self.catalogue.copy()
        made.rows = list(self.rows)
        made.records = list(self.records)
        made.pins = list(self.pins)
        return made

    @property
    def small_blobs(self) -> int:
        """Blobs that go into frames."""
        return self.next_blob - self.first_blob - sum(1 for id in self.large if id < self.next_blob)

    @property
    def new_blobs(self) -> int:
        return self.next_blob - self.first_blob

    @property
    def new_rows(self) -> int:
        return sum(len(rows.blobs) for rows in self.rows)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.new_blobs or self.rows or self.records or self.pins)

    def add(self, data: bytes, fingerprint: int, dictionary: int | None) -> int:
        """Add a blob that goes into a frame; returns its id."""
        id = self.next_blob
        self.blobs[id] = PendingBlob(data, fingerprint, dictionary)
        self._list(id, data, fingerprint)
        return id

    def add_large(self, data: bytes, fingerprint: int) -> int:
        """Add a blob that has a segment of its own; returns its id."""
        id = self.next_blob
        self.large[id] = data
        self._list(id, data, fingerprint)
        return id

    def _list(self, id: int, data: bytes, fingerprint: int) -> None:
        self.next_blob += 1
        self.raw_bytes += len(data)
        self._ids.setdefault(fingerprint, []).append(id)
        if self._sorted is not None:
            insort(self._sorted, fingerprint)

    def blob(self, id: int) -> bytes | None:
        """The bytes of a pending blob."""
        if id >= self.next_blob:
            return None
        found = self.blobs.get(id)
        return found.data if found is not None else self.large.get(id)

    def candidates(self, low: int, high: int) -> list[int]:
        """The ids of its blobs with fingerprints from `low` to `high`."""
        if low == high:
            return [id for id in self._ids.get(low, ()) if id < self.next_blob]
        if self._sorted is None:
            self._sorted = sorted(self._ids)
        at = bisect_left(self._sorted, low)
        found: list[int] = []
        before = None
        while at < len(self._sorted) and self._sorted[at] <= high:
            if self._sorted[at] != before:
                before = self._sorted[at]
                found += [id for id in self._ids[before] if id < self.next_blob]
            at += 1
        return found

    def add_rows(self, rows: PendingRows) -> None:
        """Add rows behind those of their collection."""
        self.rows.append(rows)
        collection = self.catalogue.collections[rows.collection]
        collection.next_seq = max(collection.next_seq, rows.first_seq + len(rows.blobs))

    def rows_of(self, collection: int) -> Iterator[PendingRows]:
        """The pending rows of a collection, in order."""
        return (rows for rows in self.rows if rows.collection == collection)

    def record(self, records: Iterable[Record]) -> None:
        """Add records, and apply them to the catalogue."""
        records = list(records)
        self.records += records
        self.catalogue.apply(records)

    def pin(self, id: int) -> None:
        """Pin a blob."""
        if id not in self.catalogue.pinned:
            self.pins.append(id)
            self.catalogue.pinned.add(id, id + 1)

"""The catalogue: collections, dictionaries, files, ingests, and which blobs are pinned, deleted or large.

It is what a manifest says, with the records of each later group applied in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.manifest import CollectionEntry, Manifest
from lakebed.pure.format.records import (
    CollectionCreated,
    CollectionDropped,
    Deleted,
    Described,
    DictionaryAdded,
    FileNamed,
    Ingested,
    LargeBlob,
    NextNumbers,
    NextRow,
    Pinned,
    Record,
    Trimmed,
)
from lakebed.pure.format.tables import BatchEntry

__all__ = ["Catalogue", "Collection", "DescriptionOf", "IdSet"]

DescriptionOf: TypeAlias = Callable[[tuple[bytes, ...]], bytes]
"""The sum of the descriptions of a collection."""


class IdSet:
    """A set of ids that grows mostly upwards."""

    def __init__(self, ids: Ids | None = None) -> None:
        self._runs = ids or Ids()
        self._shared = True
        self._others: set[int] = set()
        self._removed: set[int] = set()

    def copy(self) -> IdSet:
        """A set of its own with the same ids."""
        made = IdSet(self._runs)
        self._shared = True
        made._others = set(self._others)
        made._removed = set(self._removed)
        return made

    def add(self, start: int, end: int) -> None:
        """Add the ids from `start` to below `end`."""
        if self._removed:
            self._removed.difference_update(range(start, end))
        if self._runs.ends and start < self._runs.ends[-1]:
            self._others.update(id for id in range(start, end) if id not in self._runs)
            return
        if self._shared:
            self._runs = Ids(self._runs.runs())
            self._shared = False
        self._runs.extend(start, end)

    def discard(self, id: int) -> None:
        """Remove an id, if it is there."""
        self._others.discard(id)
        if id in self._runs:
            self._removed.add(id)

    def __contains__(self, id: int) -> bool:
        return id in self._others or (id in self._runs and id not in self._removed)

    def __iter__(self) -> Iterator[int]:
        yield from self.ids()

    def __len__(self) -> int:
        return len(self._runs) + len(self._others) - len(self._removed)

    def __bool__(self) -> bool:
        return len(self) > 0

    def ids(self) -> Ids:
        """All of them."""
        if not self._others and not self._removed:
            return self._runs
        runs = [*self._runs.runs(), *((id, id + 1) for id in self._others)]
        merged = Ids.merged(runs)
        if not self._removed:
            return merged
        return Ids.of(id for id in merged if id not in self._removed)


@dataclass
class Collection:
    """A collection."""

    id: int
    name: str
    created: int
    next_seq: int = 0
    first_live: int = 0
    deleted_rows: int = 0
    """Rows removed because their blob was deleted, of those not below `first_live`."""
    descriptions: tuple[bytes, ...] = ()
    """Descriptions in the order in which they were added; their sum describes the collection."""

    @property
    def rows(self) -> int:
        """Its live rows."""
        return self.next_seq - self.first_live - self.deleted_rows


@dataclass
class Catalogue:
    """The catalogue as of a commit."""

    collections: dict[int, Collection] = field(default_factory=dict)
    dictionaries: list[DictionaryAdded] = field(default_factory=list)
    files: dict[int, str] = field(default_factory=dict)
    ingests: list[Ingested] = field(default_factory=list)
    pinned: IdSet = field(default_factory=IdSet)
    deleted: IdSet = field(default_factory=IdSet)
    large: dict[int, LargeBlob] = field(default_factory=dict)
    """By blob id."""
    next_collection: int = 1
    next_file: int = 1
    next_dictionary: int = 1
    next_segment: int = 2

    @classmethod
    def of(cls, manifest: Manifest) -> Catalogue:
        """What a manifest says."""
        return cls(
            {
                entry.id: Collection(
                    entry.id,
                    entry.name,
                    entry.created,
                    entry.next_seq,
                    entry.first_live,
                    entry.deleted_rows,
                    (entry.description,) if entry.description else (),
                )
                for entry in manifest.collections
            },
            list(manifest.dictionaries),
            {file.number: file.name for file in manifest.files},
            list(manifest.ingests),
            IdSet(manifest.pinned),
            IdSet(manifest.deleted),
            {large.blob: large for large in manifest.large},
            manifest.next_collection,
            manifest.next_file,
            manifest.next_dictionary,
            manifest.next_segment,
        )

    def copy(self) -> Catalogue:
        """A catalogue of its own with the same contents."""
        return Catalogue(
            {id: replace(collection) for id, collection in self.collections.items()},
            list(self.dictionaries),
            dict(self.files),
            list(self.ingests),
            self.pinned.copy(),
            self.deleted.copy(),
            dict(self.large),
            self.next_collection,
            self.next_file,
            self.next_dictionary,
            self.next_segment,
        )

    def named(self, name: str) -> Collection | None:
        """The collection of this name."""
        return next((one for one in self.collections.values() if one.name == name), None)

    def dictionary_of(self, collection: int) -> DictionaryAdded | None:
        """The newest dictionary of a collection: new rows are compressed with it."""
        return max(
            (one for one in self.dictionaries if one.collection == collection),
            key=lambda one: one.generation,
            default=None,
        )

    @property
    def is_whole(self) -> bool:
        """Whether no collection was dropped or trimmed: then every blob that is not deleted counts as reached."""
        return len(self.collections) == self.next_collection - 1 and not any(
            collection.first_live for collection in self.collections.values()
        )

    def apply(self, records: Iterable[Record]) -> None:
        """Apply the records of a group, in order. Raises `Malformed` for one that does not fit what is there."""
        for record in records:
            self._apply(record)

    def apply_what_fits(self, records: Iterable[Record]) -> str | None:
        """Apply the records of a group, in order, without those that do not fit what is there. Returns what is wrong
        with the last of these."""
        misfit = None
        for record in records:
            try:
                self._apply(record)
            except Malformed as problem:
                misfit = str(problem)
        return misfit

    def add_rows(self, batches: Iterable[BatchEntry]) -> None:
        """Move the next sequence numbers behind the rows of batches."""
        for batch in batches:
            collection = self.collections.get(batch.collection)
            if collection is not None and batch.end_seq > collection.next_seq:
                collection.next_seq = batch.end_seq

    def _collection(self, id: int) -> Collection:
        try:
            return self.collections[id]
        except KeyError:
            raise Malformed(f"a record names collection {id}, which does not exist") from None

    def _apply(self, record: Record) -> None:
        match record:
            case CollectionCreated(id, name, time):
                if id in self.collections or self.named(name) is not None:
                    raise Malformed(f"collection {id} ({name}) is created twice")
                self.collections[id] = Collection(id, name, time)
                self.next_collection = max(self.next_collection, id + 1)
            case CollectionDropped(id):
                if id not in self.collections:
                    raise Malformed(f"collection {id} is dropped and does not exist")
                del self.collections[id]
                self.ingests = [one for one in self.ingests if one.collection != id]
            case Described(id, description):
                collection = self._collection(id)
                collection.descriptions = (*collection.descriptions, description)
            case DictionaryAdded():
                self.dictionaries.append(record)
                self.next_dictionary = max(self.next_dictionary, record.number + 1)
            case FileNamed(number, name):
                self.files[number] = name
                self.next_file = max(self.next_file, number + 1)
            case Ingested():
                self._apply_ingest(record)
            case Deleted(blob, rows):
                for id, count in rows:
                    self._collection(id).deleted_rows += count
                self.deleted.add(blob, blob + 1)
                self.pinned.discard(blob)
            case Pinned(ids):
                for start, end in ids.runs():
                    self.pinned.add(start, end)
            case Trimmed(id, first_live, rows):
                collection = self._collection(id)
                collection.first_live = first_live
                collection.deleted_rows -= rows
            case LargeBlob():
                self.large[record.blob] = record
            case NextNumbers(collection, file, dictionary, segment):
                self.next_collection = max(self.next_collection, collection)
                self.next_file = max(self.next_file, file)
                self.next_dictionary = max(self.next_dictionary, dictionary)
                self.next_segment = max(self.next_segment, segment)
            case NextRow(id, next_seq):
                found = self._collection(id)
                found.next_seq = max(found.next_seq, next_seq)

    def _apply_ingest(self, record: Ingested) -> None:
        """It replaces the last entry of the same collection and file that is not complete or has the same prefix
        digest."""
        for at in range(len(self.ingests) - 1, -1, -1):
            one = self.ingests[at]
            if (one.collection, one.file) == (record.collection, record.file) and (
                not one.complete or one.prefix_digest == record.prefix_digest
            ):
                self.ingests[at] = record
                return
        self.ingests.append(record)

    # --- What a repair changes ---

    def recover_collection(self, id: int, created: int) -> str:
        """Make the collection of rows whose creation is lost. Returns its name."""
        name, more = f"recovered_{id}", 2
        while self.named(name) is not None:
            name, more = f"recovered_{id}_{more}", more + 1
        self.collections[id] = Collection(id, name, created)
        self.next_collection = max(self.next_collection, id + 1)
        return name

    def lose_blobs(self, lost: Iterable[int]) -> None:
        """Note that blobs are gone: as if they had been deleted, for rows that name them, and for pins."""
        for id in lost:
            self.deleted.add(id, id + 1)
            self.pinned.discard(id)

    def entries(self, describe: DescriptionOf) -> tuple[CollectionEntry, ...]:
        """The collections as a manifest lists them; `describe` gives the sum of descriptions."""
        return tuple(
            CollectionEntry(
                one.id,
                one.name,
                one.created,
                one.next_seq,
                one.first_live,
                one.deleted_rows,
                describe(one.descriptions),
            )
            for one in sorted(self.collections.values(), key=lambda one: one.id)
        )

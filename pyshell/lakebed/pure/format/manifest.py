"""The manifest: the catalogue as of a seal or a compaction."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_str, put_varint
from lakebed.pure.format.header import COLUMNS, LARGE, ROWS
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.records import DictionaryAdded, FileNamed, Ingested, LargeBlob
from lakebed.pure.format.store_file import TooNew

__all__ = ["CollectionEntry", "Manifest", "SealedSegment"]

MAGIC: Final = b"LKMANIF\n"
_HEAD = struct.Struct("<8sQ16sQQ")


class SealedSegment(NamedTuple):
    """A sealed segment in the manifest."""

    number: int
    layout: int
    length: int
    """Bytes of its file."""
    first_id: int
    end_id: int
    """Above the last blob id that may occur."""
    blobs: int
    rows: int
    first_commit: int
    last_commit: int
    raw_bytes: int


class CollectionEntry(NamedTuple):
    """A collection in the manifest."""

    id: int
    name: str
    created: int
    next_seq: int
    first_live: int
    deleted_rows: int
    """Rows removed because their blob was deleted, of those not below `first_live`."""
    description: bytes


@dataclass(frozen=True)
class Manifest:
    """The body of a manifest."""

    last_commit: int = 0
    last_seal: int = 0
    """The last field of the last COMMIT."""
    next_blob: int = 0
    active: int = 1
    """Number of the active segment."""
    next_collection: int = 1
    next_file: int = 1
    next_dictionary: int = 1
    next_segment: int = 2
    segments: tuple[SealedSegment, ...] = ()
    collections: tuple[CollectionEntry, ...] = ()
    dictionaries: tuple[DictionaryAdded, ...] = ()
    files: tuple[FileNamed, ...] = ()
    ingests: tuple[Ingested, ...] = ()
    pinned: Ids = field(default_factory=Ids)
    deleted: Ids = field(default_factory=Ids)
    large: tuple[LargeBlob, ...] = ()

    def body(self) -> bytes:
        """The body, as a manifest and a footer carry it."""
        out = bytearray()
        put_varint(out, self.last_commit)
        out += struct.pack("<Q", self.last_seal)
        for value in (
            self.next_blob,
            self.active,
            self.next_collection,
            self.next_file,
            self.next_dictionary,
            self.next_segment,
        ):
            put_varint(out, value)
        put_varint(out, len(self.segments))
        for segment in self.segments:
            for value in segment:
                put_varint(out, value)
        put_varint(out, len(self.collections))
        for collection in self.collections:
            put_varint(out, collection.id)
            put_str(out, collection.name)
            out += struct.pack("<q", collection.created)
            put_varint(out, collection.next_seq)
            put_varint(out, collection.first_live)
            put_varint(out, collection.deleted_rows)
            put_varint(out, len(collection.description))
            out += collection.description
        for records in (self.dictionaries, self.files, self.ingests):
            put_varint(out, len(records))
            for record in records:
                record.put(out)
        for ids in (self.pinned, self.deleted):
            put_varint(out, len(ids.starts))
            ids.put(out)
        put_varint(out, len(self.large))
        for large in self.large:
            large.put(out)
        return bytes(out)

    @classmethod
    def of_body(cls, data: Bytes) -> Manifest:
        """Raises `Malformed`."""
        reader = Reader(data)
        last_commit, last_seal = reader.varint(), reader.u64()
        numbers = [reader.varint() for _ in range(6)]
        segments = tuple(SealedSegment(*(reader.varint() for _ in range(10))) for _ in range(reader.varint()))
        collections = tuple(_collection(reader) for _ in range(reader.varint()))
        dictionaries = tuple(DictionaryAdded.read(reader) for _ in range(reader.varint()))
        files = tuple(FileNamed.read(reader) for _ in range(reader.varint()))
        ingests = tuple(Ingested.read(reader) for _ in range(reader.varint()))
        pinned = Ids.read(reader, runs=reader.varint())
        deleted = Ids.read(reader, runs=reader.varint())
        large = tuple(LargeBlob.read(reader) for _ in range(reader.varint()))
        reader.done()
        for segment in segments:
            if segment.layout not in (ROWS, LARGE, COLUMNS):
                raise TooNew(
                    f"segment {segment.number} has layout {segment.layout}, which is none of rows, columns and large blobs"
                )
        next_blob, active, next_collection, next_file, next_dictionary, next_segment = numbers
        return cls(
            last_commit,
            last_seal,
            next_blob,
            active,
            next_collection,
            next_file,
            next_dictionary,
            next_segment,
            segments,
            collections,
            dictionaries,
            files,
            ingests,
            pinned,
            deleted,
            large,
        )

    def encode(self, number: int, uuid: bytes, salt: int) -> bytes:
        """The file of the manifest."""
        body = self.body()
        whole = _HEAD.pack(MAGIC, number, uuid, salt, len(body)) + body
        return whole + struct.pack("<Q", checksum(salt, 0, whole))

    @classmethod
    def decode(cls, data: Bytes, number: int, uuid: bytes) -> Manifest:
        """The manifest of this number and store. Raises `Malformed`."""
        if len(data) < _HEAD.size + 8:
            raise Malformed("it is cut")
        magic, found, store, salt, length = _HEAD.unpack_from(data)
        if magic != MAGIC:
            raise Malformed("it does not begin like a manifest")
        if length != len(data) - _HEAD.size - 8:
            raise Malformed("its length is wrong")
        (stored,) = struct.unpack_from("<Q", data, len(data) - 8)
        if checksum(salt, 0, memoryview(data)[:-8]) != stored:
            raise Malformed("its checksum is wrong")
        if found != number:
            raise Malformed(f"it is manifest {found}")
        if store != uuid:
            raise Malformed("it is of another store")
        return cls.of_body(memoryview(data)[_HEAD.size : -8])

    def with_length(self, number: int, length: int) -> Manifest:
        """The same with the length of a segment's file: a footer has 0 for its own."""
        return replace(
            self,
            segments=tuple(
                segment._replace(length=length) if segment.number == number else segment for segment in self.segments
            ),
        )


def _collection(reader: Reader) -> CollectionEntry:
    id, name, created = reader.varint(), reader.str(), reader.i64()
    next_seq, first_live, deleted = reader.varint(), reader.varint(), reader.varint()
    return CollectionEntry(id, name, created, next_seq, first_live, deleted, reader.take(reader.varint()))

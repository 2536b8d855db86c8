"""Catalogue records: what changes besides blobs and rows."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_str, put_varint
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.large import file_length

__all__ = [
    "CollectionCreated", "CollectionDropped", "Deleted", "Described", "DictionaryAdded", "FileNamed", "Ingested", "LargeBlob",
    "NextNumbers", "NextRow", "Pinned", "Record", "Trimmed", "decode_records", "encode_records",
]  # fmt: skip

_COMPLETE: Final = 1
_HAS_DIGEST: Final = 2


class CollectionCreated(NamedTuple):
    id: int
    name: str
    time: int

    def put(self, out: bytearray) -> None:
        put_varint(out, self.id)
        put_str(out, self.name)
        out += struct.pack("<q", self.time)

    @classmethod
    def read(cls, reader: Reader) -> CollectionCreated:
        return cls(reader.varint(), reader.str(), reader.i64())


class CollectionDropped(NamedTuple):
    id: int

    def put(self, out: bytearray) -> None:
        put_varint(out, self.id)

    @classmethod
    def read(cls, reader: Reader) -> CollectionDropped:
        return cls(reader.varint())


class Described(NamedTuple):
    """What record 3 adds to the description of a collection (docs/types.md)."""

    collection: int
    description: bytes

    def put(self, out: bytearray) -> None:
        put_varint(out, self.collection)
        out += self.description

    @classmethod
    def read(cls, reader: Reader) -> Described:
        return cls(reader.varint(), reader.take(reader.end - reader.at))


class DictionaryAdded(NamedTuple):
    number: int
    collection: int
    generation: int
    blob: int
    hash: bytes
    size: int

    def put(self, out: bytearray) -> None:
        for value in self[:4]:
            put_varint(out, value)
        out += self.hash
        put_varint(out, self.size)

    @classmethod
    def read(cls, reader: Reader) -> DictionaryAdded:
        return cls(reader.varint(), reader.varint(), reader.varint(), reader.varint(), reader.hash(), reader.varint())


class FileNamed(NamedTuple):
    number: int
    name: str

    def put(self, out: bytearray) -> None:
        put_varint(out, self.number)
        put_str(out, self.name)

    @classmethod
    def read(cls, reader: Reader) -> FileNamed:
        return cls(reader.varint(), reader.str())


class Ingested(NamedTuple):
    """How far a file was read into a collection."""

    collection: int
    file: int
    complete: bool
    raw_size: int
    raw_digest: bytes | None
    content_offset: int
    lines: int
    prefix_digest: bytes

    def put(self, out: bytearray) -> None:
        put_varint(out, self.collection)
        put_varint(out, self.file)
        out.append((_COMPLETE if self.complete else 0) | (_HAS_DIGEST if self.raw_digest is not None else 0))
        put_varint(out, self.raw_size)
        out += self.raw_digest or b""
        put_varint(out, self.content_offset)
        put_varint(out, self.lines)
        out += self.prefix_digest

    @classmethod
    def read(cls, reader: Reader) -> Ingested:
        collection, file, flags = reader.varint(), reader.varint(), reader.u8()
        if flags & ~(_COMPLETE | _HAS_DIGEST):
            raise Malformed("an ingest has unknown flags")
        raw_size = reader.varint()
        raw_digest = reader.hash() if flags & _HAS_DIGEST else None
        return cls(
            collection,
            file,
            bool(flags & _COMPLETE),
            raw_size,
            raw_digest,
            reader.varint(),
            reader.varint(),
            reader.hash(),
        )


class Deleted(NamedTuple):
    blob: int
    rows: tuple[tuple[int, int], ...]
    """(collection, rows of it) for each collection that had rows of the blob."""

    def put(self, out: bytearray) -> None:
        put_varint(out, self.blob)
        put_varint(out, len(self.rows))
        for collection, rows in self.rows:
            put_varint(out, collection)
            put_varint(out, rows)

    @classmethod
    def read(cls, reader: Reader) -> Deleted:
        blob = reader.varint()
        return cls(blob, tuple((reader.varint(), reader.varint()) for _ in range(reader.varint())))


class Pinned(NamedTuple):
    ids: Ids

    def put(self, out: bytearray) -> None:
        self.ids.put(out)

    @classmethod
    def read(cls, reader: Reader) -> Pinned:
        return cls(Ids.read(reader))


class Trimmed(NamedTuple):
    collection: int
    first_live: int
    rows: int
    """Rows below it that were deleted before, and no longer count as deleted."""

    def put(self, out: bytearray) -> None:
        for value in self:
            put_varint(out, value)

    @classmethod
    def read(cls, reader: Reader) -> Trimmed:
        return cls(reader.varint(), reader.varint(), reader.varint())


class LargeBlob(NamedTuple):
    segment: int
    blob: int
    length: int
    stored: int
    fingerprint: int

    @property
    def file_length(self) -> int:
        """Bytes of the segment's file."""
        return file_length(self.length, self.stored)

    def put(self, out: bytearray) -> None:
        for value in self[:4]:
            put_varint(out, value)
        out += struct.pack("<Q", self.fingerprint)

    @classmethod
    def read(cls, reader: Reader) -> LargeBlob:
        return cls(reader.varint(), reader.varint(), reader.varint(), reader.varint(), reader.u64())


class NextNumbers(NamedTuple):
    collection: int
    file: int
    dictionary: int
    segment: int

    def put(self, out: bytearray) -> None:
        for value in self:
            put_varint(out, value)

    @classmethod
    def read(cls, reader: Reader) -> NextNumbers:
        return cls(reader.varint(), reader.varint(), reader.varint(), reader.varint())


class NextRow(NamedTuple):
    collection: int
    next_seq: int

    def put(self, out: bytearray) -> None:
        put_varint(out, self.collection)
        put_varint(out, self.next_seq)

    @classmethod
    def read(cls, reader: Reader) -> NextRow:
        return cls(reader.varint(), reader.varint())


Record: TypeAlias = (
    CollectionCreated
    | CollectionDropped
    | Described
    | DictionaryAdded
    | FileNamed
    | Ingested
    | Deleted
    | Pinned
    | Trimmed
    | LargeBlob
    | NextNumbers
    | NextRow
)

_TYPES: Final[tuple[type[Record], ...]] = (
    CollectionCreated,
    CollectionDropped,
    Described,
    DictionaryAdded,
    FileNamed,
    Ingested,
    Deleted,
    Pinned,
    Trimmed,
    LargeBlob,
    NextNumbers,
    NextRow,
)
"""The class of each type of record, from 1."""
_TYPE_OF: Final = {cls: number for number, cls in enumerate(_TYPES, 1)}


def encode_records(records: Iterable[Record]) -> bytes:
    """The records one after the other: type, length, body."""
    out = bytearray()
    for record in records:
        body = bytearray()
        record.put(body)
        put_varint(out, _TYPE_OF[type(record)])
        put_varint(out, len(body))
        out += body
    return bytes(out)


def decode_records(data: Bytes) -> list[Record]:
    """The records of a section. Raises `Malformed`, also for an unknown type."""
    reader = Reader(data)
    records: list[Record] = []
    while reader.more:
        number, length = reader.varint(), reader.varint()
        if not 0 < number <= len(_TYPES):
            raise Malformed(f"a catalogue record has the unknown type {number}")
        body = Reader(data, reader.at, reader.at + length)
        if body.end > reader.end:
            raise Malformed("a catalogue record is cut")
        records.append(_TYPES[number - 1].read(body))
        body.done()
        reader.at = body.end
    return records

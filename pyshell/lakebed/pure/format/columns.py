"""The list of parts of a segment of columns, and the table of a part: where its pages are."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_str, put_varint
from lakebed.pure.format.ids import Ids

__all__ = [
    "Chunk", "LeafEntry", "ListEntry", "Page", "PartEntry", "PartList", "Table", "part_salt", "raw_table", "stored_table",
    "take_u32",
]  # fmt: skip

_TYPES: Final = 6
_U64: Final = struct.Struct("<Q")


class PartEntry(NamedTuple):
    """A part in the list of parts."""

    collection: int
    rows: int
    length: int
    """Of its file, in bytes."""
    checksum: int
    """Of the whole file."""
    table: int
    """Offset of its table in the segment."""
    table_length: int


class PartList(NamedTuple):
    """Section 10."""

    parts: list[PartEntry]
    long: Ids
    """The ids of long blobs, which are not decoded together with others."""

    @classmethod
    def decode(cls, data: Bytes) -> PartList:
        """Raises `Malformed`."""
        if not len(data):
            return cls([], Ids())
        reader = Reader(data)
        parts = []
        for _ in range(reader.varint()):
            collection, rows, length, digest = reader.varint(), reader.varint(), reader.varint(), reader.u64()
            parts.append(PartEntry(collection, rows, length, digest, reader.u64(), reader.varint()))
        numbers = [part.collection for part in parts]
        if numbers != sorted(set(numbers)):
            raise Malformed("the parts are not in the order of their collections")
        return cls(parts, Ids.read(reader))

    def encode(self) -> bytes:
        """Its bytes."""
        out = bytearray()
        put_varint(out, len(self.parts))
        for part in self.parts:
            for number in part[:3]:
                put_varint(out, number)
            out += _U64.pack(part.checksum) + _U64.pack(part.table)
            put_varint(out, part.table_length)
        self.long.put(out)
        return bytes(out)


def part_salt(salt: int, collection: int) -> int:
    """The salt of the checksums of a part."""
    return (salt + collection) % (1 << 64)


class Page(NamedTuple):
    """A page of a leaf."""

    offset: int
    """In the part."""
    length: int
    header: int
    """Length of its header."""
    raw: int
    """Length of its body before compression."""
    values: int
    """NULL and empty ones included; of a dictionary page, the entries."""
    first_row: int
    encoding: int
    checksum: int


class Chunk(NamedTuple):
    """The pages of a leaf in a row group."""

    dictionary: Page | None
    pages: list[Page]


class LeafEntry(NamedTuple):
    """A leaf column of the Parquet file."""

    path: str
    type: int
    """0 BOOLEAN, 1 INT32, 2 INT64, 3 DOUBLE, 4 BYTE_ARRAY, 5 FIXED_LEN_BYTE_ARRAY of 16."""
    definition: int
    """The highest definition level: that of a value."""
    elements: tuple[int, ...]
    """For each list around it, the lowest definition level of an element."""


class ListEntry(NamedTuple):
    """A list or map of the typed columns."""

    leaf: int
    """The first leaf inside it."""
    depth: int
    """How many lists that lies in, up to this one, which is included."""


class Table(NamedTuple):
    """What a table says of a part."""

    ids: Ids
    lists: list[ListEntry]
    spellers: bytes
    shapes: bytes
    rows: int
    leaves: list[LeafEntry]
    groups: list[int]
    """The first row of each row group."""
    chunks: list[list[Chunk]]
    """For each leaf, those of all row groups."""

    @classmethod
    def decode(cls, data: bytes) -> Table:
        """The table with these raw bytes. Raises `Malformed`."""
        reader = Reader(data)
        inside = Reader(reader.take(reader.varint()))
        ids = Ids.read(inside)
        lists = [ListEntry(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        spellers, shapes = reader.take(reader.varint()), reader.take(reader.varint())
        rows = reader.varint()
        leaves = []
        for _ in range(reader.varint()):
            path, type, definition = reader.str(), reader.u8(), reader.u8()
            elements = tuple(reader.u8() for _ in range(reader.varint()))
            if type >= _TYPES:
                raise Malformed("a leaf has an unknown type")
            leaves.append(LeafEntry(path, type, definition, elements))
        groups, at = [], 0
        for _ in range(reader.varint()):
            at += reader.varint()
            groups.append(at)
        chunks = [[_chunk(reader, first) for first in groups] for _ in leaves]
        if reader.more:
            raise Malformed("a table has bytes behind its end")
        if len(ids) != rows or any(one.leaf >= len(leaves) for one in lists):
            raise Malformed("a table has another number of ids than of rows, or a list without a leaf")
        return cls(ids, lists, spellers, shapes, rows, leaves, groups, chunks)

    def encode(self) -> bytes:
        """Its raw bytes."""
        out = bytearray()
        _put_block(out, self.ids.encoded())
        put_varint(out, len(self.lists))
        for one in self.lists:
            put_varint(out, one.leaf)
            put_varint(out, one.depth)
        _put_block(out, self.spellers)
        _put_block(out, self.shapes)
        put_varint(out, self.rows)
        put_varint(out, len(self.leaves))
        for leaf in self.leaves:
            put_str(out, leaf.path)
            out += bytes((leaf.type, leaf.definition))
            _put_block(out, bytes(leaf.elements))
        put_varint(out, len(self.groups))
        for before, first in zip([0, *self.groups], self.groups, strict=False):
            put_varint(out, first - before)
        for chunks in self.chunks:
            for chunk, first in zip(chunks, self.groups, strict=True):
                _put_chunk(out, chunk, first)
        return bytes(out)


def _put_block(out: bytearray, data: bytes) -> None:
    put_varint(out, len(data))
    out += data


def _put_chunk(out: bytearray, chunk: Chunk, first_row: int) -> None:
    pages = chunk.pages if chunk.dictionary is None else [chunk.dictionary, *chunk.pages]
    out.append(chunk.dictionary is not None)
    put_varint(out, len(chunk.pages))
    put_varint(out, pages[0].offset if pages else 0)
    for page in pages:
        for number in (page.length, page.header, page.raw, page.values, page.first_row - first_row):
            put_varint(out, number)
        out.append(page.encoding)
        first_row = page.first_row
    for page in pages:
        out += _U64.pack(page.checksum)


def _chunk(reader: Reader, first_row: int) -> Chunk:
    has_dictionary, pages, offset = reader.u8(), reader.varint(), reader.varint()
    if has_dictionary > 1:
        raise Malformed("a chunk has more than one dictionary")
    found = []
    for _ in range(pages + has_dictionary):
        length, header, raw, values = reader.varint(), reader.varint(), reader.varint(), reader.varint()
        first_row += reader.varint()
        encoding = reader.u8()
        if header > length:
            raise Malformed("the header of a page is longer than the page")
        found.append(Page(offset, length, header, raw, values, first_row, encoding, 0))
        offset += length
    found = [page._replace(checksum=reader.u64()) for page in found]
    return Chunk(found[0], found[1:]) if has_dictionary else Chunk(None, found)


def stored_table(raw: bytes, compress: Callable[[bytes], bytes], salt: int, offset: int) -> bytes:
    """A table with these raw bytes as it lies at that offset of the segment."""
    packed = compress(raw)
    out = bytearray()
    put_varint(out, len(raw))
    out += packed if len(packed) < len(raw) else raw
    return _U64.pack(checksum(salt, offset + 8, out)) + bytes(out)


def raw_table(data: Bytes, salt: int, offset: int) -> tuple[int, bytes]:
    """Raw length and stored bytes of the table that `data` is, at that offset of the segment. Raises `Malformed`."""
    reader = Reader(data)
    stored = reader.u64()
    if checksum(salt, offset + 8, memoryview(data)[8:]) != stored:
        raise Malformed("the checksum of the table of a part is wrong")
    raw = reader.varint()
    return raw, reader.take(reader.end - reader.at)


def take_u32(data: Bytes, at: int) -> int:
    """The u32 at a place. Raises `Malformed`."""
    if at + 4 > len(data):
        raise Malformed("a page is cut")
    return int(struct.unpack_from("<I", data, at)[0])

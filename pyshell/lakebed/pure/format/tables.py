"""The contents of the sections of index blocks and footers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_varint

__all__ = ["BatchEntry", "CommitEntry", "Extent", "FrameEntry", "ordinal_width"]

_TWO = struct.Struct("<QQ")
_FOUR = struct.Struct("<QQQQ")
_I64 = struct.Struct("<q")


class FrameEntry(NamedTuple):
    """A frame in the frame table."""

    first_id: int
    """Its smallest blob id."""
    offset: int

    @staticmethod
    def encode(entries: Iterable[FrameEntry]) -> bytes:
        return b"".join(_TWO.pack(*entry) for entry in entries)

    @classmethod
    def decode(cls, data: Bytes) -> list[FrameEntry]:
        if len(data) % _TWO.size:
            raise Malformed("a frame table is cut")
        return [cls(*entry) for entry in _TWO.iter_unpack(data)]


class BatchEntry(NamedTuple):
    """A row batch in the row directory."""

    collection: int
    first_seq: int
    rows: int
    file: int
    time: int
    commit: int | None
    """The commit that added the rows; None in segments of format 1."""
    offset: int
    length: int
    first_blob: int
    """The smallest blob id."""
    last_blob: int
    """The largest blob id."""

    @property
    def end_seq(self) -> int:
        return self.first_seq + self.rows

    @staticmethod
    def encode(entries: Iterable[BatchEntry]) -> bytes:
        out = bytearray()
        for entry in entries:
            put_varint(out, entry.collection)
            put_varint(out, entry.first_seq)
            put_varint(out, entry.rows)
            put_varint(out, entry.file)
            out += _I64.pack(entry.time)
            if entry.commit is not None:
                put_varint(out, entry.commit)
            put_varint(out, entry.offset)
            put_varint(out, entry.length)
            put_varint(out, entry.first_blob)
            put_varint(out, entry.last_blob - entry.first_blob)
        return bytes(out)

    @classmethod
    def decode(cls, data: Bytes, has_commit: bool) -> list[BatchEntry]:
        reader = Reader(data)
        entries = []
        while reader.more:
            collection, first_seq, rows, file = reader.varint(), reader.varint(), reader.varint(), reader.varint()
            time = reader.i64()
            commit = reader.varint() if has_commit else None
            offset, length, first_blob = reader.varint(), reader.varint(), reader.varint()
            last_blob = first_blob + reader.varint()
            entries.append(cls(collection, first_seq, rows, file, time, commit, offset, length, first_blob, last_blob))
        return entries


class CommitEntry(NamedTuple):
    """A commit in the commit table."""

    number: int
    time: int
    offset: int
    """Of its COMMIT."""
    blobs: int
    rows: int
    raw_bytes: int

    @staticmethod
    def encode(entries: Iterable[CommitEntry]) -> bytes:
        out = bytearray()
        before = 0
        for entry in entries:
            put_varint(out, entry.number - before)
            out += _I64.pack(entry.time)
            out += struct.pack("<Q", entry.offset)
            put_varint(out, entry.blobs)
            put_varint(out, entry.rows)
            put_varint(out, entry.raw_bytes)
            before = entry.number
        return bytes(out)

    @classmethod
    def decode(cls, data: Bytes) -> list[CommitEntry]:
        reader = Reader(data)
        entries = []
        number = 0
        while reader.more:
            number += reader.varint()
            entries.append(cls(number, reader.i64(), reader.u64(), reader.varint(), reader.varint(), reader.varint()))
        return entries


class Extent(NamedTuple):
    """A part of a sealed segment's fingerprints: a section of an index block."""

    ordinal: int
    """Of its first fingerprint."""
    length: int
    """Number of fingerprints."""
    offset: int
    array: int
    """Offset of its page checksums."""

    @staticmethod
    def encode(extents: Iterable[Extent]) -> bytes:
        return b"".join(_FOUR.pack(*extent) for extent in extents)

    @classmethod
    def decode(cls, data: Bytes) -> list[Extent]:
        if len(data) % _FOUR.size:
            raise Malformed("the fingerprint extents are cut")
        extents = [cls(*extent) for extent in _FOUR.iter_unpack(data)]
        at = 0
        for extent in extents:
            if extent.ordinal != at:
                raise Malformed("the fingerprint extents have a gap")
            at += extent.length
        return extents


ORDINALS_HEAD: Final = 8
"""Bytes before the ordinals in section 8: their width, and zeros."""


def ordinal_width(blobs: int) -> int:
    """Bytes of an ordinal in a segment with so many blobs."""
    return 2 if blobs <= 1 << 16 else 3 if blobs <= 1 << 24 else 4


def encode_ordinals(ordinals: Sequence[int]) -> bytes:
    """Section 8: the ordinals of all blobs, which are given in the order of their fingerprints."""
    width = ordinal_width(len(ordinals))
    return bytes([width]) + bytes(7) + b"".join(ordinal.to_bytes(width, "little") for ordinal in ordinals)

"""A frame: one compressed unit with the bytes of one or more blobs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Bytes, Malformed, Reader, put_varint
from lakebed.pure.format.ids import Ids

__all__ = ["DICTIONARY", "LARGEST_PAYLOAD", "MOST_RUNS", "RAW", "ZSTD", "Frame", "joined", "split"]

RAW: Final = 0
ZSTD: Final = 1
DICTIONARY: Final = 2
"""zstd with a dictionary of the store."""
LARGEST_PAYLOAD: Final = 64 << 20
"""Bytes of a decoded payload."""
MOST_RUNS: Final = 2048
_FIXED = struct.Struct("<QHBB")
_ALIGNMENT: Final = 64
"""Of the payload of a raw frame of one blob."""


class Frame(NamedTuple):
    """A frame without its payload."""

    encoding: int
    stored: int
    """Bytes of the payload in the file."""
    raw: int
    """Bytes of the decoded payload."""
    dictionary: int | None
    ids: Ids
    header_length: int = 0

    @property
    def length(self) -> int:
        """Bytes of the whole frame."""
        return self.header_length + self.stored

    @classmethod
    def decode(cls, data: Bytes) -> Frame:
        """The header of a frame, from bytes that begin with it; its checksum is `check`'s. Raises `Malformed`."""
        if len(data) < _FIXED.size:
            raise Malformed("a frame is cut")
        _, header_length, encoding, zero = _FIXED.unpack_from(data)
        if zero or encoding > DICTIONARY or not _FIXED.size < header_length <= len(data):
            raise Malformed("the header of a frame is wrong")
        reader = Reader(data, _FIXED.size, header_length)
        stored, raw = reader.varint(), reader.varint()
        dictionary = reader.varint() if encoding == DICTIONARY else None
        count = reader.varint()
        if raw > LARGEST_PAYLOAD or (encoding == RAW and raw != stored) or not 0 < count < 1 << 32 or dictionary == 0:
            raise Malformed("the header of a frame is wrong")
        ids = Ids.read(reader, blobs=count)
        if len(ids.starts) > MOST_RUNS:
            raise Malformed("a frame has too many runs of ids")
        reader.zeros(header_length - reader.at)
        return cls(encoding, stored, raw, dictionary, ids, header_length)

    def check(self, data: Bytes, salt: int, offset: int) -> None:
        """Raises `Malformed` unless `data`, the whole frame at `offset`, matches its checksum."""
        if len(data) != self.length:
            raise Malformed("a frame is cut")
        (stored,) = struct.unpack_from("<Q", data)
        if checksum(salt, offset + 8, memoryview(data)[8:]) != stored:
            raise Malformed("the checksum of a frame is wrong")

    def encode(self, payload: Bytes, salt: int, offset: int) -> bytes:
        """The frame with its payload, at `offset` of a file with this salt."""
        head = bytearray(_FIXED.size)
        put_varint(head, self.stored)
        put_varint(head, self.raw)
        if self.dictionary is not None:
            put_varint(head, self.dictionary)
        put_varint(head, len(self.ids))
        self.ids.put(head)
        if self.encoding == RAW and len(self.ids) == 1:
            head += bytes(-(offset + len(head)) % _ALIGNMENT)
        _FIXED.pack_into(head, 0, 0, len(head), self.encoding, 0)
        head += payload
        struct.pack_into("<Q", head, 0, checksum(salt, offset + 8, memoryview(head)[8:]))
        return bytes(head)


def joined(blobs: Sequence[bytes]) -> bytes:
    """The decoded payload of a frame with these blobs."""
    if len(blobs) == 1:
        return blobs[0]
    lengths = bytearray()
    for blob in blobs:
        put_varint(lengths, len(blob))
    return b"".join((lengths, *blobs))


def split(payload: Bytes, count: int) -> list[int]:
    """Where each blob of a decoded payload begins, and where the last one ends. Raises `Malformed`."""
    if count == 1:
        return [0, len(payload)]
    reader = Reader(payload)
    lengths = [reader.varint() for _ in range(count)]
    at = reader.at
    places = [at]
    for length in lengths:
        at += length
        places.append(at)
    if at != len(payload):
        raise Malformed("the lengths of the blobs do not add up to the payload")
    return places

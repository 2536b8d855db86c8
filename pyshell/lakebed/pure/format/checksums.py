"""Checksums: XXH3-64, seeded with the salt of the file and the offset in it."""

from __future__ import annotations

import struct
from typing import Final

from xxhash import xxh3_64_intdigest

from lakebed.pure.format.coding import Bytes, Malformed, aligned

__all__ = ["PAGE", "PAGE_SHIFT", "Pages", "array_length", "checksum", "page_checksums", "seal", "sealed"]

PAGE_SHIFT: Final = 12
PAGE: Final = 1 << PAGE_SHIFT
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_U64 = struct.Struct("<Q")


def checksum(salt: int, offset: int, data: Bytes) -> int:
    """The checksum of bytes that begin at `offset` of a file with this salt."""
    return xxh3_64_intdigest(data, (salt + offset * _GOLDEN) & _MASK)


def page_checksums(salt: int, offset: int, data: Bytes) -> bytes:
    """The checksums of each page of 4,096 bytes of a section that begins at `offset`."""
    view = memoryview(data)
    return b"".join(_U64.pack(checksum(salt, offset + at, view[at : at + PAGE])) for at in range(0, len(view), PAGE))


def seal(salt: int, offset: int, data: bytearray) -> bytes:
    """A structure at `offset` with its checksum as the last 8 bytes."""
    return bytes(data) + _U64.pack(checksum(salt, offset, data))


def sealed(salt: int, offset: int, data: Bytes) -> None:
    """Raises `Malformed` unless the last 8 bytes of a structure at `offset` are the checksum of those before."""
    (stored,) = _U64.unpack_from(data, len(data) - 8)
    if checksum(salt, offset, memoryview(data)[:-8]) != stored:
        raise Malformed("its checksum is wrong")


class Pages:
    """The pages of a paged section, each checked when it is first touched.

    `data` is the section, which begins at `offset` of a file with this salt; `checksums` are those of its pages.
    """

    __slots__ = ("_checked", "checksums", "data", "offset", "salt")

    def __init__(self, data: memoryview, checksums: memoryview, offset: int, salt: int) -> None:
        self.data = data
        self.checksums = checksums
        self.offset = offset
        self.salt = salt
        self._checked = bytearray((len(data) + PAGE - 1) >> PAGE_SHIFT)

    def check(self, page: int) -> None:
        """Raises `Malformed` when the page is damaged."""
        if self._checked[page]:
            return
        at = page << PAGE_SHIFT
        (stored,) = _U64.unpack_from(self.checksums, page * 8)
        if checksum(self.salt, self.offset + at, self.data[at : at + PAGE]) != stored:
            raise Malformed(f"the page of an index at offset {self.offset + at} does not match its checksum")
        self._checked[page] = 1

    def whole(self) -> memoryview:
        """All of the data, checked."""
        for page in range(len(self._checked)):
            self.check(page)
        return self.data

    def u64(self, place: int) -> int:
        """The number at a place of an array of u64."""
        at = place << 3
        if not self._checked[at >> PAGE_SHIFT]:
            self.check(at >> PAGE_SHIFT)
        return int(_U64.unpack_from(self.data, at)[0])


def array_length(length: int) -> int:
    """Bytes of the page checksums of a section of `length` bytes."""
    return ((length + PAGE - 1) >> PAGE_SHIFT) * 8


def paged_length(length: int) -> int:
    """Bytes of a paged section of `length` bytes with its page checksums, which stand at the next multiple of 8."""
    return aligned(length, 8) + array_length(length)

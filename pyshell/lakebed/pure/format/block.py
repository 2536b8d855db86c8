"""The index block: sections with what is in a group, or in the groups that it covers, or (as a footer) in a segment."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from lakebed.pure.format.checksums import PAGE_SHIFT, Pages, array_length, checksum, page_checksums
from lakebed.pure.format.coding import Bytes, Malformed, aligned, padding

__all__ = [
    "COMMITS", "EXTENTS", "FANOUT", "FINGERPRINTS", "FINGERPRINT_TABLE", "FOOTER_LEVEL", "FRAMES", "HIGHEST_LEVEL", "IDS", "MANIFEST",
    "ORDINALS", "PARTS", "RECORDS", "ROWS", "Block", "Made", "Section", "encode_block",
]  # fmt: skip

FRAMES: Final = 1
FINGERPRINTS: Final = 2
IDS: Final = 3
ROWS: Final = 4
COMMITS: Final = 5
RECORDS: Final = 6
EXTENTS: Final = 7
ORDINALS: Final = 8
MANIFEST: Final = 9
PARTS: Final = 10
FINGERPRINT_TABLE: Final = 11

FOOTER_LEVEL: Final = 255
HIGHEST_LEVEL: Final = 254
FANOUT: Final = 16
"""Blocks of one level that become one of the next."""
_HEAD = struct.Struct("<4sBBHQ")
_ENTRY = struct.Struct("<HB5xQQQ")
_U64 = struct.Struct("<Q")


class Section(NamedTuple):
    """The entry of a section."""

    kind: int
    paged: bool
    offset: int
    length: int
    checksum: int

    @property
    def array(self) -> int:
        """Offset of the page checksums, if it is paged."""
        return aligned(self.offset + self.length, 8)

    @property
    def end(self) -> int:
        """Offset behind its last byte, page checksums included."""
        return self.array + array_length(self.length) if self.paged else self.offset + self.length


class Block(NamedTuple):
    """An index block in a file. `data` is all of it."""

    offset: int
    level: int
    first_group: int
    sections: dict[int, Section]
    head_checksum: int
    data: memoryview
    salt: int

    @classmethod
    def decode(cls, data: Bytes, salt: int, offset: int) -> Block:
        """The block that `data` is, at `offset`; its sections are checked when they are read. Raises `Malformed`."""
        view = memoryview(data)
        if len(view) < _HEAD.size:
            raise Malformed("an index block is cut")
        magic, level, zero, count, first_group = _HEAD.unpack_from(view)
        if magic != (b"LKFT" if level == FOOTER_LEVEL else b"LKIX") or zero:
            raise Malformed("there is no index block")
        end = _HEAD.size + count * _ENTRY.size
        if end + 8 > len(view):
            raise Malformed("an index block is cut")
        (stored,) = _U64.unpack_from(view, end)
        if checksum(salt, offset, view[:end]) != stored:
            raise Malformed("the checksum of the header of an index block is wrong")
        sections: dict[int, Section] = {}
        at = offset + end + 8
        before = 0
        for place in range(count):
            where = _HEAD.size + place * _ENTRY.size
            kind, shift, start, length, digest = _ENTRY.unpack_from(view, where)
            section = Section(kind, shift == PAGE_SHIFT, start, length, digest)
            if (
                any(view[where + 3 : where + 8])
                or shift not in (0, PAGE_SHIFT)
                or kind <= before
                or not length
                or start != aligned(at, 8)
            ):
                raise Malformed("the entry of a section is wrong")
            sections[kind] = section
            before, at = kind, section.end
        if at - offset != len(view):
            raise Malformed("the sections of an index block do not end where it ends")
        return cls(offset, level, first_group, sections, stored, view, salt)

    @classmethod
    def find(cls, file: memoryview, salt: int, offset: int) -> Block:
        """The block that begins at `offset` of a file with these bytes; its own header says how long it is. Raises
        `Malformed`."""
        if offset + _HEAD.size > len(file):
            raise Malformed("an index block is cut")
        count = _HEAD.unpack_from(file, offset)[3]
        end = offset + _HEAD.size + count * _ENTRY.size + 8
        if end > len(file):
            raise Malformed("an index block is cut")
        if count:
            kind, shift, start, length, digest = _ENTRY.unpack_from(file, end - 8 - _ENTRY.size)
            end = Section(kind, shift == PAGE_SHIFT, start, length, digest).end
        if end > len(file):
            raise Malformed("an index block is cut")
        return cls.decode(file[offset:end], salt, offset)

    @property
    def end(self) -> int:
        """Offset behind its last byte."""
        return self.offset + len(self.data)

    def _part(self, start: int, end: int) -> memoryview:
        return self.data[start - self.offset : end - self.offset]

    def section(self, kind: int) -> memoryview:
        """The data of a section, checked; empty when there is none. Raises `Malformed`."""
        section = self.sections.get(kind)
        if section is None:
            return memoryview(b"")
        if section.paged:
            return self.pages(kind).whole()
        data = self._part(section.offset, section.offset + section.length)
        if checksum(self.salt, section.offset, data) != section.checksum:
            raise Malformed("the checksum of a section is wrong")
        return data

    def pages(self, kind: int) -> Pages:
        """The data of a paged section, page by page. Raises `Malformed`."""
        section = self.sections.get(kind)
        if section is None:
            return Pages(memoryview(b""), memoryview(b""), 0, 0)
        if not section.paged:
            raise Malformed("a section has no pages")
        array = self._part(section.array, section.end)
        if checksum(self.salt, section.array, array) != section.checksum:
            raise Malformed("the checksum of the page checksums of a section is wrong")
        data = self._part(section.offset, section.offset + section.length)
        return Pages(data, array, section.offset, self.salt)


class Made(NamedTuple):
    """The data of a section to write."""

    kind: int
    data: Bytes
    paged: bool = False


def encode_block(level: int, first_group: int, sections: Iterable[Made], salt: int, offset: int) -> bytes:
    """An index block, or with level 255 the block of a footer, at `offset`. Sections without data are left out."""
    made = sorted((section for section in sections if len(section.data)), key=lambda section: section.kind)
    head = bytearray(_HEAD.pack(b"LKFT" if level == FOOTER_LEVEL else b"LKIX", level, 0, len(made), first_group))
    at = offset + _HEAD.size + len(made) * _ENTRY.size + 8
    body = bytearray()
    for section in made:
        body += padding(at, 8)
        start = aligned(at, 8)
        length = len(section.data)
        body += section.data
        if section.paged:
            array_at = aligned(start + length, 8)
            array = page_checksums(salt, start, section.data)
            body += padding(start + length, 8)
            body += array
            digest, at = checksum(salt, array_at, array), array_at + len(array)
        else:
            digest, at = checksum(salt, start, section.data), start + length
        head += _ENTRY.pack(section.kind, PAGE_SHIFT if section.paged else 0, start, length, digest)
    return bytes(head) + _U64.pack(checksum(salt, offset, head)) + bytes(body)


def head_length(block: Bytes) -> int:
    """Where the header checksum of a block is, in its bytes."""
    (count,) = struct.unpack_from("<H", block, 6)
    return _HEAD.size + int(count) * _ENTRY.size

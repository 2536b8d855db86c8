"""Every COMMIT and every index block of a file, wherever they lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lakebed.pure.format import commit as commits
from lakebed.pure.format import header
from lakebed.pure.format.block import Block
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.header import Header

__all__ = ["Structures", "find_salt", "structures"]

_BLOCK = b"LKIX"
_FOOTER = b"LKFT"
_NUMBER_AND_SALT = struct.Struct("<QQ")
_NUMBER_AT = 48
"""Where a COMMIT repeats the number of its segment, and behind it the salt."""


class Structures(NamedTuple):
    """What is whole, in the order of the file."""

    commits: list[tuple[int, Commit]]
    """With their offsets."""
    blocks: list[Block]


def structures(data: memoryview, head: Header) -> Structures:
    """The structures of a segment with this header. `data` is the whole file."""
    found_commits, blocks = [], []
    raw = bytes(data)
    for at in _places(raw, commits.MAGIC):
        try:
            found_commits.append((at, Commit.decode(data[at : at + commits.SIZE], at, head)))
        except Malformed:
            continue
    for at in sorted([*_places(raw, _BLOCK), *_places(raw, _FOOTER)]):
        try:
            blocks.append(Block.find(data, head.salt, at))
        except Malformed:
            continue
    return Structures(found_commits, blocks)


def find_salt(data: memoryview) -> tuple[int, int] | None:
    """The number of the segment and its salt, which a COMMIT repeats, where the header is damaged."""
    for at in _places(bytes(data), commits.MAGIC):
        if at + commits.SIZE > len(data):
            continue
        number, salt = _NUMBER_AND_SALT.unpack_from(data, at + _NUMBER_AT)
        try:
            Commit.decode(data[at : at + commits.SIZE], at, Header(1, header.ROWS, number, b"", salt, 0))
        except Malformed:
            continue
        return number, salt
    return None


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    """The multiples of 8 behind the header at which the magic bytes are."""
    at = data.find(magic, header.SIZE)
    while at >= 0:
        if at % 8 == 0:
            yield at
        at = data.find(magic, at + 1)

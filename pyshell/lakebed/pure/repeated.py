"""What the footers of sealed segments repeat of the manifest: whole, or as the difference from another footer's."""

from __future__ import annotations

from typing import NamedTuple

from lakebed.pure.files import Directory, SegmentFile
from lakebed.pure.format import block as blocks
from lakebed.pure.format import footer
from lakebed.pure.format.block import Block
from lakebed.pure.format.coding import Bytes, Malformed
from lakebed.pure.format.difference import BodyDifference
from lakebed.pure.segment import read_header

__all__ = ["Repeated", "repeated", "stored_body"]


class Repeated(NamedTuple):
    """The body of a manifest, as a footer repeats it."""

    body: bytes
    base: int
    """The segment whose footer has one whole."""
    base_body: bytes


def stored_body(directory: Directory, uuid: bytes, number: int) -> bytes:
    """Section 9 of the footer of a segment, as it is stored. Raises `Malformed`, `OSError`."""
    file = SegmentFile(directory, number, mapped=False)
    try:
        head = read_header(file, number, uuid)
        at = file.length - footer.SIZE
        trailer = footer.Trailer.decode(file.read(at, footer.SIZE), at, head)
        block = Block.decode(file.exactly(trailer.block, trailer.length), head.salt, trailer.block)
        return bytes(block.section(blocks.MANIFEST))
    finally:
        file.close()


def repeated(directory: Directory, uuid: bytes, number: int, stored: Bytes) -> Repeated:
    """What the footer of a segment repeats, which has `stored` in its section 9. Raises `Malformed`, `OSError`."""
    difference = BodyDifference.decode(stored)
    if difference is None:
        return Repeated(bytes(stored), number, bytes(stored))
    try:
        base = stored_body(directory, uuid, difference.base)
    except FileNotFoundError:
        # A compaction or a repair may have put another segment in its place.
        raise Malformed(f"segment {difference.base}, whose footer has the rest, is not there") from None
    if BodyDifference.decode(base) is not None:
        raise Malformed(f"segment {difference.base} has no whole body of a manifest in its footer")
    return Repeated(difference.apply(base), difference.base, base)

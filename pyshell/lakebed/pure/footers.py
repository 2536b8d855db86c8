"""What the footers of sealed segments repeat of the manifest: whole, or as the difference from another footer's."""

from __future__ import annotations

from typing import Literal, NamedTuple

from lakebed.pure.files import Directory, SegmentFile
from lakebed.pure.format import block as blocks
from lakebed.pure.format import header
from lakebed.pure.format.coding import Bytes, Malformed
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.difference import BodyDifference
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.store_file import TooNew
from lakebed.pure.segment import footer_block, group_is_whole, read_header, trailer_of

__all__ = ["Repeated", "inspect", "is_written", "repeated", "stored_body"]


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
        return bytes(footer_block(file, read_header(file, number, uuid)).section(blocks.MANIFEST))
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


def inspect(directory: Directory, file: SegmentFile, uuid: bytes) -> Manifest | Literal["open", "large"]:
    """What a segment file says of itself, without a manifest: the catalogue, with the length of this file; `"large"`
    for a large blob; `"open"` without a whole header, or without a footer that names its own segment. Raises
    `StoreIOError`."""
    try:
        head = read_header(file, file.number, uuid)
        if head.layout == header.LARGE:
            return "large"
        stored = footer_block(file, head).section(blocks.MANIFEST)
        body = Manifest.of_body(repeated(directory, uuid, file.number, stored).body)
    except (Malformed, TooNew):
        return "open"
    if contradiction(body) is not None or all(one.number != file.number for one in body.segments):
        # One of several that a repair wrote: only the last one repeats the manifest.
        return "open"
    return body.with_length(file.number, file.length)


def is_written(file: SegmentFile, uuid: bytes) -> bool:
    """Whether a sealed segment that compaction or repair wrote was written to its end: its footer alone does not tell,
    while nothing relies on it. Raises `StoreIOError`."""
    try:
        head = read_header(file, file.number, uuid)
        if not head.is_rewritten:
            return True
        return group_is_whole(file, head, trailer_of(file, head).last_commit)
    except (Malformed, TooNew):
        return False

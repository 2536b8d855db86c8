"""Writing the segment of a large blob."""

from __future__ import annotations

import os

from lakebed.pure.codec import Compressor
from lakebed.pure.context import Context, random_u64
from lakebed.pure.files import segment_name, write_all
from lakebed.pure.format import footer, header
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import aligned
from lakebed.pure.format.header import Header
from lakebed.pure.format.large import BLOCK, FIRST_BLOCK, TRAILER_SIZE, BlockEntry, LargeTrailer
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.hash import fingerprint

__all__ = ["write_large"]


def write_large(context: Context, number: int, id: int, data: bytes, hash: bytes, compressor: Compressor) -> LargeBlob:
    """Write a large blob into segment `number`, whole and synced. Returns its record. Raises `OSError`."""
    head = Header(context.store_file.segment_format, header.LARGE, number, context.store_file.uuid, random_u64(), id)
    view = memoryview(data)
    parts = [view[at : at + BLOCK] for at in range(0, len(view), BLOCK)]
    packed = [compressor.compress(part) for part in parts]
    # A block that does not shrink is raw; where none shrinks the blob is, and can be handed out as it lies there.
    blocks = [one if len(one) < len(part) else part for one, part in zip(packed, parts, strict=True)]
    encoding = 0 if all(len(one) == len(part) for one, part in zip(blocks, parts, strict=True)) else 1
    entries = []
    at = FIRST_BLOCK
    for block in blocks:
        entries.append(BlockEntry(at, len(block), checksum(head.salt, at, block)))
        at += len(block)
    table_at = aligned(at, 8)
    table = BlockEntry.encode(entries)
    end = aligned(table_at + len(table) + TRAILER_SIZE, footer.UNIT)
    trailer = LargeTrailer(id, len(data), encoding, table_at, len(blocks), checksum(head.salt, table_at, table))
    trailer_at = end - TRAILER_SIZE
    name = segment_name(number)
    descriptor = context.directory.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(descriptor, head.encode().ljust(FIRST_BLOCK, b"\0"), 0)
        for entry, block in zip(entries, blocks, strict=True):
            write_all(descriptor, block, entry.offset)
        tail = bytes(table_at - at) + table
        write_all(descriptor, tail.ljust(trailer_at - at, b"\0") + trailer.encode(head.salt, trailer_at), at)
        os.fsync(descriptor)
    except OSError:
        os.close(descriptor)
        context.directory.unlink(name)
        raise
    os.close(descriptor)
    context.directory.sync("segments")
    return LargeBlob(number, id, len(data), sum(entry.stored for entry in entries), fingerprint(hash))

"""The group of a commit, as bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from lakebed.pure.catalogue import DescriptionOf
from lakebed.pure.codec import Compressor
from lakebed.pure.format import block as blocks
from lakebed.pure.format.block import FANOUT, HIGHEST_LEVEL, Made, encode_block
from lakebed.pure.format.coding import aligned, padding
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.fingerprint_table import encode_table
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.records import Described, Record, encode_records
from lakebed.pure.format.rows import RowBatch
from lakebed.pure.format.tables import BatchEntry, CommitEntry, FrameEntry
from lakebed.pure.parts import GroupPart
from lakebed.pure.write.frames import Payload, encode_payload

__all__ = ["Contents", "Group", "NewTables", "encode_group"]


class NewTables(NamedTuple):
    """The tables of parts, whose files are written."""

    ids: Ids
    """Of the blobs in parts."""
    encode: Callable[[int], tuple[bytes, bytes]]
    """Gives the tables as they lie at an offset of the segment, and the list of parts: section 10."""


class Contents(NamedTuple):
    """What a group holds."""

    payloads: Iterable[Payload]
    fingerprints: Sequence[int]
    """Of each blob in the frames and parts, in ascending order of the ids."""
    batches: Iterable[RowBatch]
    records: Sequence[Record]
    commits: Sequence[CommitEntry]
    """The commits of the group: its own alone, or after a compaction those of the segments it replaces. Their offset
    does not count."""
    tables: NewTables | None = None
    """Of the parts, in a segment of columns."""


class Group(NamedTuple):
    """A group as bytes."""

    data: bytes
    commit: Commit
    commit_offset: int
    frames: list[FrameEntry]
    rows: list[BatchEntry]


def encode_group(
    head: Header,
    offset: int,
    contents: Contents,
    commit: Commit,
    before: Sequence[GroupPart],
    compressor: Callable[[int | None], Compressor],
    describe: DescriptionOf,
) -> Group:
    """The group at an offset of the segment with this header.

    `commit` has its number, its time, the predecessor and the next blob id; `before` are the parts of the segment, of
    which the index block covers the last ones where its level rises. `describe` gives the sum of descriptions.
    """
    out = bytearray()
    frames: list[FrameEntry] = []
    ids: list[tuple[int, int]] = []
    for payload in contents.payloads:
        frames.append(FrameEntry(payload.ids.starts[0], offset + len(out)))
        ids += payload.ids.runs()
        out += encode_payload(payload, head.salt, offset + len(out), compressor)
    rows: list[BatchEntry] = []
    for batch in contents.batches:
        data = batch.encode(head.salt, offset + len(out))
        rows.append(
            BatchEntry(
                batch.collection,
                batch.first_seq,
                len(batch.blobs),
                batch.file,
                batch.time,
                batch.commit,
                offset + len(out),
                len(data),
                min(batch.blobs),
                max(batch.blobs),
            )
        )
        out += data
    listed = b""
    if contents.tables is not None:
        tables, listed = contents.tables.encode(offset + len(out))
        out += tables
        ids += contents.tables.ids.runs()
    out += padding(offset + len(out), 8)
    level, covered = covered_parts(before)
    block_at = offset + len(out)
    sections = [*_sections(head, covered, frames, ids, contents, rows, describe), Made(blocks.PARTS, listed)]
    earlier = [entry for part in covered for entry in part.commits]

    def block_before(commit_at: int) -> bytes:
        table = CommitEntry.encode([*earlier, *(entry._replace(offset=commit_at) for entry in contents.commits)])
        first = covered[0].block.first_group if covered else offset
        return encode_block(level, first, [*sections, Made(blocks.COMMITS, table)], head.salt, block_at)

    # The offset of COMMIT has a fixed width: the length of the block is known before it.
    block = block_before(aligned(block_at + len(block_before(0)), 8))
    out += block
    out += padding(offset + len(out), 8)
    at = offset + len(out)
    whole = commit._replace(
        group=offset,
        block=block_at,
        block_length=len(block),
        segment=head.number,
        salt=head.salt,
        digest=xxh3_64_intdigest(out, head.salt),
    )
    data, sealed = whole.encode(at)
    return Group(bytes(out) + data, sealed, at, frames, rows)


def covered_parts(before: Sequence[GroupPart]) -> tuple[int, list[GroupPart]]:
    """The level of the next index block, and the parts at the end of the segment that it covers."""
    level, rest = 0, list(before)
    covered: list[GroupPart] = []
    while level < HIGHEST_LEVEL:
        same = 0
        while same < len(rest) and rest[-1 - same].block.level == level:
            same += 1
        if same + 1 < FANOUT:
            break
        covered = rest[len(rest) - same :] + covered
        rest = rest[: len(rest) - same]
        level += 1
    return level, covered


def _sections(
    head: Header,
    covered: Sequence[GroupPart],
    frames: Sequence[FrameEntry],
    ids: Sequence[tuple[int, int]],
    contents: Contents,
    rows: Sequence[BatchEntry],
    describe: DescriptionOf,
) -> list[Made]:
    """The sections of the index block without the commits: those of the covered parts, and then those of the group."""

    def joined(kind: int, own: bytes) -> bytes:
        return b"".join([*(bytes(part.block.section(kind)) for part in covered), own])

    runs = [run for part in covered for run in part.ids.runs()]
    records = summed([*(record for part in covered for record in part.records), *contents.records], describe)
    return [
        Made(blocks.FRAMES, joined(blocks.FRAMES, FrameEntry.encode(frames))),
        encode_fingerprints(head, [*(one for part in covered for one in part.fingerprints), *contents.fingerprints]),
        Made(blocks.IDS, Ids.merged([*runs, *ids]).encoded()),
        Made(blocks.ROWS, joined(blocks.ROWS, BatchEntry.encode(rows))),
        Made(blocks.RECORDS, encode_records(records)),
    ]


def encode_fingerprints(head: Header, fingerprints: Sequence[int]) -> Made:
    """The section of the fingerprints of blobs, in ascending order of their ids."""
    if head.packs_fingerprints:
        return Made(blocks.FINGERPRINT_TABLE, encode_table(fingerprints), paged=True)
    return Made(blocks.FINGERPRINTS, struct.pack(f"<{len(fingerprints)}Q", *fingerprints), paged=True)


def summed(records: Sequence[Record], describe: DescriptionOf) -> list[Record]:
    """The records with one description a collection: the first, which is the sum of all."""
    descriptions: dict[int, list[bytes]] = {}
    for record in records:
        if isinstance(record, Described):
            descriptions.setdefault(record.collection, []).append(record.description)
    found: list[Record] = []
    for record in records:
        if not isinstance(record, Described):
            found.append(record)
        elif (parts := descriptions.pop(record.collection, None)) is not None:
            found.append(record if len(parts) == 1 else record._replace(description=describe(tuple(parts))))
    return found

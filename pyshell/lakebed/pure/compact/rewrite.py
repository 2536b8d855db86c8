"""The new segment of a group: what is kept of the segments it replaces."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

from lakebed.pure.codec import Compressor
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.columns.write import LONG, NewPart
from lakebed.pure.compact.plan import Group, is_dead
from lakebed.pure.context import Context
from lakebed.pure.files import SegmentFile, segment_name, write_all
from lakebed.pure.format import header
from lakebed.pure.format.block import Block
from lakebed.pure.format.columns import PartList, stored_table
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.rows import RowBatch
from lakebed.pure.format.tables import CommitEntry
from lakebed.pure.frames import read_frame
from lakebed.pure.parts import FooterPart, GroupPart
from lakebed.pure.segment import RowsSegment, commit_at
from lakebed.pure.state import State
from lakebed.pure.write.frames import Payload, payloads
from lakebed.pure.write.group import Contents, NewTables, encode_group
from lakebed.pure.write.seal import encode_footer

__all__ = ["Rewritten", "rewrite", "write_segment"]


class Rewritten(NamedTuple):
    """A segment that compaction made, without its footer."""

    head: Header
    data: bytes
    """The header and the one group."""
    commit_offset: int
    commits: list[CommitEntry]
    blobs: int
    rows: int
    raw_bytes: int


def rewrite(
    state: State,
    group: Group,
    head: Header,
    parts: Sequence[NewPart],
    page_bytes: int,
    level: int,
    *,
    everything: bool = False,
    as_it_is: bool = False,
) -> Rewritten:
    """What is kept of the segments of a group, as the segment with this header.

    - `parts`: its parts, whose files are written.
    - `everything`: all frames are compressed again, with the newest dictionaries; otherwise frames of which everything
      is kept keep their bytes.
    - `as_it_is`: rows that are gone stay, and blobs keep the dictionaries that they were compressed with.

    Raises `Corrupt`, `Malformed`, `StoreIOError`.
    """
    segments = [one.segment for one in group.segments]
    kept = set().union(*(one.kept for one in group.segments))
    read = _all_batches if as_it_is else partial(_batches, state)
    batches = [batch for segment in segments for batch in read(segment)]
    dictionaries = None if as_it_is else _dictionaries(state, batches)
    fingerprints: dict[int, int] = {}
    for segment in segments:
        for part in segment.parts:
            assert isinstance(part, GroupPart | FooterPart)
            fingerprints.update(zip(part.ids, part.fingerprints, strict=True))
    ids = sorted(kept)
    commits = [entry for segment in segments for entry in segment.commits()]
    last = commits[-1]
    in_parts = {id for part in parts for id in part.table.ids}
    raw_bytes = sum(part.raw_bytes for part in parts)
    long = [id for part in parts for id in part.long]

    def counted(all_payloads: Iterator[Payload]) -> Iterator[Payload]:
        nonlocal raw_bytes
        for payload in all_payloads:
            raw_bytes += sum(map(len, payload.blobs))
            long.extend(id for id, data in zip(payload.ids, payload.blobs, strict=True) if len(data) > LONG)
            yield payload

    def tables(offset: int) -> tuple[bytes, bytes]:
        out, listed = bytearray(), []
        compress = state.compressor(level, None).compress
        for part in parts:
            at = offset + len(out)
            table = stored_table(part.table.encode(), compress, head.salt, at)
            listed.append(part.entry._replace(table=at, table_length=len(table)))
            out += table
        return bytes(out), PartList(listed, Ids.of(sorted(long))).encode()

    contents = Contents(
        counted(_payloads(state, segments, kept - in_parts, dictionaries, page_bytes, everything=everything)),
        [fingerprints[id] for id in ids],
        batches,
        [],
        commits,
        NewTables(Ids.of(sorted(in_parts)), tables) if parts else None,
    )

    def compressor(dictionary: int | None) -> Compressor:
        return state.compressor(level, dictionary)

    made = encode_group(
        head,
        header.SIZE,
        contents,
        Commit(last.number, last.time, 0, 0, 0, 0, 0, 0, group.entries[-1].end_id, 0),
        [],
        compressor,
        lambda _: b"",
    )
    rows = sum(len(batch.blobs) for batch in batches)
    placed = [entry._replace(offset=made.commit_offset) for entry in commits]
    return Rewritten(head, head.encode() + made.data, made.commit_offset, placed, len(ids), rows, raw_bytes)


def write_segment(context: Context, made: Rewritten, body: bytes) -> int:
    """Write a segment, whole and synced. `body` is what its footer repeats of a manifest. Returns the length of its
    file. Raises `OSError`: then the file is to be removed."""
    number = made.head.number
    descriptor = context.directory.open(segment_name(number), os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(descriptor, made.data, 0)
        file = SegmentFile(context.directory, number, mapped=False)
        try:
            commit = commit_at(file, made.commit_offset, made.head)
            data = file.exactly(commit.block, commit.block_length)
            part = GroupPart(Block.decode(data, made.head.salt, commit.block), made.head, file)
            footer = encode_footer(made.head, len(made.data), made.commit_offset, [part], body)
        finally:
            file.close()
        write_all(descriptor, footer, len(made.data))
        os.fsync(descriptor)
        context.directory.sync("segments")
    finally:
        os.close(descriptor)
    return len(made.data) + len(footer)


def _all_batches(segment: RowsSegment) -> Iterator[RowBatch]:
    """The row batches of a segment."""
    return (segment.batch(entry)._replace(commit=entry.commit) for entry in segment.all_batches())


def _batches(state: State, segment: RowsSegment) -> Iterator[RowBatch]:
    """The row batches of a segment without the rows of dropped collections and those that were trimmed. Rows of deleted
    blobs stay: the manifest lists the blobs."""
    for entry in segment.all_batches():
        if is_dead(state.catalogue, entry.collection, entry.end_seq - 1):
            continue
        batch = segment.batch(entry)
        trimmed = max(state.catalogue.collections[entry.collection].first_live - entry.first_seq, 0)
        yield batch._replace(
            first_seq=entry.first_seq + trimmed,
            blobs=batch.blobs[trimmed:],
            lines=batch.lines[trimmed:],
            commit=entry.commit,
        )


def _dictionaries(state: State, batches: list[RowBatch]) -> dict[int, int]:
    """The newest dictionary of the collection of each blob, where it has one."""
    newest = {id: state.catalogue.dictionary_of(id) for id in state.catalogue.collections}
    found: dict[int, int] = {}
    for batch in batches:
        dictionary = newest.get(batch.collection)
        if dictionary is not None:
            for id in batch.blobs:
                found.setdefault(id, dictionary.number)
    return found


def _blobs(state: State, segment: ColumnsSegment, kept: set[int]) -> Iterator[tuple[int, bytes]]:
    """The kept blobs of a segment of columns, in the order of their ids."""

    def framed() -> Iterator[tuple[int, bytes]]:
        for part in segment.parts:
            for entry in part.frames:
                decoded = segment.decoded(entry.offset, state.decompressor)
                yield from ((id, decoded.blob(place)) for place, id in enumerate(decoded.frame.ids) if id in kept)

    return heapq.merge(framed(), *segment.records(state.decompressor, kept), key=lambda one: one[0])


def _payloads(
    state: State,
    segments: list[RowsSegment],
    kept: set[int],
    dictionaries: dict[int, int] | None,
    page_bytes: int,
    *,
    everything: bool,
) -> Iterator[Payload]:
    """The frames of the new segment. `dictionaries`: those for blobs that are compressed again; None keeps the ones
    they had."""
    newest = dictionaries or {}
    loose: list[tuple[int, bytes, int | None]] = []
    for segment in segments:
        if isinstance(segment, ColumnsSegment) and segment.part_entries():
            found = ((id, data, newest.get(id)) for id, data in _blobs(state, segment, kept))
            yield from payloads(chain(loose, found), page_bytes)
            loose = []
            continue
        for part in segment.parts:
            for entry in part.frames:
                frame, payload = read_frame(segment.file, entry.offset, segment.header.salt)
                decoded = segment.decoded(entry.offset, state.decompressor)
                whole = all(id in kept for id in frame.ids)
                if whole and not everything and frame.raw >= page_bytes // 2:
                    # The frames of a segment are in the order of their ids.
                    yield from payloads(loose, page_bytes)
                    loose = []
                    yield Payload(frame.ids, [decoded.blob(at) for at in range(len(frame.ids))], None, (frame, payload))
                else:
                    loose += (
                        (id, decoded.blob(at), frame.dictionary if dictionaries is None else newest.get(id))
                        for at, id in enumerate(frame.ids)
                        if id in kept
                    )
    yield from payloads(loose, page_bytes)

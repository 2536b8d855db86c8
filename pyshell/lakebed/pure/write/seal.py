"""Sealing the active segment: its footer, and the manifest that knows it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from lakebed.pure.catalogue import DescriptionOf
from lakebed.pure.files import segment_name, write_all
from lakebed.pure.footers import repeated, stored_body
from lakebed.pure.format import block as blocks
from lakebed.pure.format import footer, header
from lakebed.pure.format.block import FOOTER_LEVEL, Made, encode_block
from lakebed.pure.format.coding import Malformed, aligned, padding
from lakebed.pure.format.difference import encode_difference
from lakebed.pure.format.fingerprint_table import TableExtent, encode_table
from lakebed.pure.format.footer import Trailer
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.format.tables import CommitEntry, Extent, encode_ordinals
from lakebed.pure.parts import GroupPart
from lakebed.pure.state import State
from lakebed.pure.write.manifests import with_catalogue, write_manifest

__all__ = ["encode_footer", "seal"]

_MOST_TABLES = 4
"""A footer whose segment has more packed tables than this has one of its own in their place."""


def encode_footer(
    head: Header, offset: int, last_commit: int, parts: Sequence[GroupPart], manifest_body: bytes
) -> bytes:
    """The footer behind the last COMMIT, which ends at `offset`, to the end of the file.

    `last_commit` is the offset of that COMMIT; `parts` are all of the segment's.
    """

    def joined(kind: int) -> bytes:
        return b"".join(bytes(part.block.section(kind)) for part in parts)

    ids = Ids.merged(run for part in parts for run in part.ids.runs())
    made = _packed_fingerprints(parts) if head.packs_fingerprints else _ordered_fingerprints(parts)
    start = aligned(offset, 8)
    block = encode_block(
        FOOTER_LEVEL,
        header.SIZE,
        [
            Made(blocks.FRAMES, joined(blocks.FRAMES), paged=True),
            Made(blocks.IDS, ids.encoded()),
            Made(blocks.ROWS, joined(blocks.ROWS)),
            Made(blocks.COMMITS, CommitEntry.encode(entry for part in parts for entry in part.commits)),
            *made,
            Made(blocks.MANIFEST, manifest_body),
            Made(blocks.PARTS, joined(blocks.PARTS)),
        ],
        head.salt,
        start,
    )
    end = aligned(start + len(block) + footer.SIZE, footer.UNIT)
    digest_at = blocks.head_length(block)
    (head_checksum,) = struct.unpack_from("<Q", block, digest_at)
    trailer = Trailer(start, len(block), last_commit, head.number, len(ids), head_checksum)
    at = end - footer.SIZE
    return padding(offset, 8) + block + bytes(at - start - len(block)) + trailer.encode(head.salt, at)


def _ordered_fingerprints(parts: Sequence[GroupPart]) -> list[Made]:
    """The sections that lead to the whole fingerprints of these parts, and give their order."""
    extents: list[Extent] = []
    fingerprints: list[int] = []
    for part in parts:
        section = part.block.sections.get(blocks.FINGERPRINTS)
        if section is not None:
            extents.append(Extent(len(fingerprints), section.length // 8, section.offset, section.array))
            fingerprints += part.fingerprints
    order = sorted(range(len(fingerprints)), key=fingerprints.__getitem__)
    return [
        Made(blocks.EXTENTS, Extent.encode(extents)),
        Made(blocks.ORDINALS, encode_ordinals(order) if order else b"", paged=True),
    ]


def _packed_fingerprints(parts: Sequence[GroupPart]) -> list[Made]:
    """The section that leads to the packed tables of these parts, or a table of the footer's own if they are many."""
    with_blobs = [part for part in parts if part.table is not None]
    if len(with_blobs) > _MOST_TABLES:
        whole = encode_table(one for part in parts for one in part.fingerprints)
        return [Made(blocks.FINGERPRINT_TABLE, whole, paged=True)]
    extents = []
    for part in with_blobs:
        section = part.block.sections[blocks.FINGERPRINT_TABLE]
        extents.append(TableExtent(len(part.fingerprints), section.offset, section.length))
    return [Made(blocks.EXTENTS, TableExtent.encode(extents))]


def _to_repeat(state: State, sealed: Sequence[int], body: bytes) -> bytes:
    """What a footer stores of the body of a manifest: the difference from what the footer of an earlier segment has, of
    the `sealed`, unless the differences since then have become as long as a body."""
    if not sealed:
        return body
    directory, uuid = state.context.directory, state.context.store_file.uuid
    newest = max(sealed)
    try:
        found = repeated(directory, uuid, newest, stored_body(directory, uuid, newest))
    except (Malformed, OSError):
        # What cannot be read is not relied on.
        return body
    if found.base not in sealed:
        return body
    difference = encode_difference(found.base, found.base_body, body)
    seals = sum(number > found.base for number in sealed) + 1
    pays = len(difference) * (seals + 1) // 2 <= len(body)
    # A body that has parts of the other one many times may be longer than a difference may say.
    return difference if pays and len(body) <= len(found.base_body) + len(difference) - 32 else body


def seal(state: State, describe: DescriptionOf, checked: Callable[[], None]) -> None:
    """Seal the active segment, which has a commit. `checked` is called before the manifest is written.

    Raises `OSError`: then the segment stays active.
    """
    active, context = state.active, state.context
    assert active is not None
    parts = [part for part in active.parts if isinstance(part, GroupPart)]
    commits = active.commits()
    catalogue = state.catalogue
    own = SealedSegment(
        active.number,
        header.ROWS,
        0,
        active.header.first_id,
        state.next_blob,
        active.blobs,
        sum(one.rows for one in commits),
        commits[0].number,
        commits[-1].number,
        sum(one.raw_bytes for one in commits),
    )
    listed = {one.number for one in state.manifest.segments}
    large = [
        SealedSegment(
            one.segment,
            header.LARGE,
            state.large_segment(one.segment).file.length,
            one.blob,
            one.blob + 1,
            1,
            0,
            own.first_commit,
            own.last_commit,
            one.length,
        )
        for one in catalogue.large.values()
        if one.segment not in listed
    ]
    rows = [one for one in state.manifest.segments if one.layout != header.LARGE]
    others = [one for one in state.manifest.segments if one.layout == header.LARGE]
    manifest = with_catalogue(
        replace(
            state.manifest,
            last_commit=state.last_commit,
            last_seal=state.last_seal,
            next_blob=state.next_blob,
            active=catalogue.next_segment,
            next_segment=catalogue.next_segment + 1,
            segments=(*rows, own, *sorted([*others, *large], key=lambda one: one.first_id)),
        ),
        catalogue,
        describe,
    )
    body = _to_repeat(state, [one.number for one in rows], manifest.body())
    data = encode_footer(active.header, state.end, state.last_offset, parts, body)
    descriptor = context.directory.open(segment_name(active.number), os.O_RDWR)
    try:
        try:
            write_all(descriptor, data, state.end)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, state.end)
            raise
    finally:
        os.close(descriptor)
    checked()
    whole: Manifest = manifest.with_length(active.number, state.end + len(data))
    write_manifest(context, state.manifest_number + 1, whole)

"""About how many bytes each collection takes in the files."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.segment import RowsSegment
from lakebed.pure.view import View

__all__ = ["stored_bytes"]


def stored_bytes(view: View) -> dict[int, int]:
    """The bytes of each collection's blobs: those of their frames, divided equally among the blobs of a frame.

    A blob that two collections name counts in both; what is pending is not counted. Reads all row batches. Raises
    `Corrupt`, `StoreIOError`.
    """
    named: dict[int, set[int]] = {id: set() for id in view.catalogue.collections}
    for collection in view.catalogue.collections.values():
        for segment, entry in view.batches(collection, collection.first_live, None):
            batch = segment.batch(entry)
            named[collection.id].update(batch.blobs[max(0, collection.first_live - batch.first_seq) :])
    deleted = set(view.catalogue.deleted)
    for ids in named.values():
        ids.difference_update(deleted)
    sizes = dict.fromkeys(named, 0)
    for large in view.catalogue.large.values():
        for collection_id, ids in named.items():
            sizes[collection_id] += large.length if large.blob in ids else 0
    for segment in view.state.all_rows():
        for ids_of_frame, size in _frames(segment):
            for collection_id, ids in named.items():
                sizes[collection_id] += size * len(ids.intersection(ids_of_frame)) // max(1, len(ids_of_frame))
    return sizes


def _frames(segment: RowsSegment) -> list[tuple[list[int], int]]:
    """The ids of the blobs of each frame, and the bytes from its beginning to that of the next one."""
    ids = [id for part in segment.parts for id in part.ids]
    if isinstance(segment, ColumnsSegment):
        # All blobs share the bytes of the files.
        return [(ids, segment.file.length + sum(part.length for part in segment.part_entries()))]
    firsts: list[int] = []
    sizes: list[int] = []
    for part in segment.parts:
        frames = sorted(part.frames, key=lambda frame: frame.offset)
        firsts += (frame.first_id for frame in frames)
        ends = [*(frame.offset for frame in frames), part.block.offset]
        sizes += (end - begin for begin, end in pairwise(ends))
    places = [*(bisect_left(ids, first) for first in firsts), len(ids)]
    return [(ids[begin:end], size) for (begin, end), size in zip(pairwise(places), sizes, strict=True)]

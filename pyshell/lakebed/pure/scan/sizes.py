"""How many bytes the blobs of each collection take in the files."""

from __future__ import annotations

from lakebed.pure.segment import RowsSegment
from lakebed.pure.view import View

__all__ = ["stored_bytes"]


def stored_bytes(view: View) -> dict[int, int]:
    """About how many bytes the blobs of each collection take: those of their frames, divided equally among the blobs
    of a frame. A blob that two collections name counts in both; what is pending is not counted.

    Raises `Corrupt`, `StoreIOError`.
    """
    committed = View(view.state)
    named = {
        id: {row.blob for row in committed.rows(collection)} if id in view.state.catalogue.collections else set()
        for id, collection in view.catalogue.collections.items()
    }
    large = {one.blob: one.length for one in view.state.catalogue.large.values()}
    sizes = {id: sum(large[blob] for blob in large.keys() & blobs) for id, blobs in named.items()}
    for segment in view.state.all_rows():
        for size, ids in _frames(segment):
            for id, blobs in named.items():
                live = len(blobs.intersection(ids))
                sizes[id] += size * live // len(ids)
    return sizes


def _frames(segment: RowsSegment) -> list[tuple[int, list[int]]]:
    """About how many bytes each frame takes, up to the next one or to the index block, and the ids of its blobs."""
    found = []
    for part in segment.parts:
        ids = list(part.ids)
        ends = [*(entry.offset for entry in part.frames[1:]), part.block.offset]
        places = [part.ids.ordinal(entry.first_id) or 0 for entry in part.frames]
        for entry, end, begin, behind in zip(part.frames, ends, places, [*places[1:], len(ids)], strict=False):
            found.append((end - entry.offset, ids[begin:behind]))
    return found

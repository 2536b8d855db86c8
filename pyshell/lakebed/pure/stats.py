"""Sizes and counts of a store."""

from __future__ import annotations

from typing import Any

from lakebed.pure.damage import operating_system
from lakebed.pure.files import part_of, segment_name
from lakebed.pure.format.records import LargeBlob
from lakebed.pure.state import State
from lakebed.pure.view import View

__all__ = ["held_bytes", "segment_bytes", "segment_count", "stats"]


def stats(view: View) -> dict[str, Any]:
    """The fields of `lakebed.Stats`. Raises `Corrupt`, `StoreIOError`."""
    state, catalogue, pending = view.state, view.catalogue, view.pending
    context = state.context
    sizes = state.disk_sizes()
    commits = state.active.commits() if state.active is not None else []
    raw = sum(state.own_raw_bytes(one) for one in state.manifest.segments) + sum(one.raw_bytes for one in commits)
    segments, held = segment_bytes(state), held_bytes(state)
    return {
        "path": context.path,
        "uuid": context.store_file.uuid.hex(),
        "created": context.store_file.created,
        "commit": state.last_commit,
        "collections": len(catalogue.collections),
        "rows": sum(one.rows for one in catalogue.collections.values()),
        "blobs": view.blob_count(),
        "dictionaries": len(catalogue.dictionaries),
        "segments": segment_count(state),
        "raw_bytes": raw,
        "disk_bytes": segments + sizes["index"] + sizes["other"] + held,
        "segment_bytes": segments,
        "index_bytes": sizes["index"],
        "other_bytes": sizes["other"],
        "held_bytes": held,
        "pending_blobs": pending.new_blobs if pending is not None else 0,
        "pending_rows": pending.new_rows if pending is not None else 0,
        "cache_bytes": context.cache.bytes,
        "cache_capacity": context.cache.capacity,
        "cache_hits": context.cache.hits,
        "cache_misses": context.cache.misses,
        "oldest_snapshot": state.last_commit,
    }


def _unlisted(state: State) -> list[LargeBlob]:
    """Large blobs that no manifest lists yet."""
    listed = {one.number for one in state.manifest.segments}
    return [one for one in state.catalogue.large.values() if one.segment not in listed]


def segment_count(state: State) -> int:
    """The number of its segments."""
    return len(state.manifest.segments) + len(_unlisted(state)) + (state.active is not None)


def segment_bytes(state: State) -> int:
    """Bytes of its segments. Raises `Corrupt`, `StoreIOError`."""
    large = sum(one.file_length for one in _unlisted(state))
    return sum(state.file_bytes(one) for one in state.manifest.segments) + state.end + large


def held_bytes(state: State) -> int:
    """Bytes of segments that a compaction replaced and that somebody still holds. Raises `StoreIOError`."""
    with operating_system(f"Reading {state.context.path}"):
        replaced = state.replaced()
        names = [segment_name(number) for number in replaced]
        names += (
            f"segments/{name}"
            for name in (state.context.directory.names("segments") if replaced else ())
            if (part_of(name) or (None,))[0] in replaced
        )
        found = map(state.context.directory.stat, names)
        return sum(status.st_size for status in found if status is not None)

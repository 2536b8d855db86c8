"""The Parquet files of a collection, and which of its rows are in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lakebed.pure.catalogue import Collection
from lakebed.pure.columns.part import ColumnsPart
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.files import part_name
from lakebed.pure.format.columns import PartEntry
from lakebed.pure.view import View

__all__ = ["collection_files", "rows_in_files", "segments_with_files"]


def _parts(view: View, collection: Collection) -> Iterator[tuple[ColumnsSegment, PartEntry]]:
    for segment in view.state.all_rows():
        if isinstance(segment, ColumnsSegment):
            for entry in segment.part_entries():
                if entry.collection == collection.id:
                    yield segment, entry


def segments_with_files(view: View, collection: Collection) -> list[int]:
    """The segments that have a file with rows of a collection. Raises `Corrupt`, `StoreIOError`."""
    return [segment.number for segment, _ in _parts(view, collection)]


def rows_in_files(view: View, collection: Collection, segments: Iterable[int]) -> set[int]:
    """The sequence numbers of the rows in the files of these segments. Raises `Corrupt`, `StoreIOError`."""
    wanted = set(segments)
    return {
        seq
        for segment, entry in _parts(view, collection)
        if segment.number in wanted
        for seq in _seqs(segment, segment.part(entry, view.state.decompressor))
    }


def collection_files(view: View, collection: Collection) -> list[dict[str, Any]]:
    """What `StoreEngine.files` says of the files with live rows, in the order of their rows. `columns` is None: views
    scan the rows. Raises `Corrupt`, `StoreIOError`."""
    found = []
    for segment, entry in _parts(view, collection):
        part = segment.part(entry, view.state.decompressor)
        seqs = _seqs(segment, part)
        deleted = view.catalogue.deleted
        gone = sorted(
            seq
            for seq, blob in zip(seqs, part.ids, strict=True)
            if seq < collection.first_live or (deleted and blob in deleted)
        )
        if len(gone) == len(seqs):
            continue
        name = part_name(segment.number, collection.id)
        found.append(
            {
                "path": f"{view.state.context.path}/{name}",
                "name": name,
                "segment": segment.number,
                "bytes": entry.length,
                "rows": entry.rows,
                "live_rows": len(seqs) - len(gone),
                "first_seq": min(seqs),
                "last_seq": max(seqs),
                "gone": _ranges(gone),
                "columns": None,
            }
        )
    return sorted(found, key=lambda file: int(file["first_seq"]))


def _seqs(segment: ColumnsSegment, part: ColumnsPart) -> list[int]:
    """The sequence number of each row of a part."""
    with segment.named():
        return part.seqs()


def _ranges(seqs: list[int]) -> list[tuple[int, int]]:
    """Ascending numbers as ranges: first, and first behind."""
    found: list[tuple[int, int]] = []
    for seq in seqs:
        if found and found[-1][1] == seq:
            found[-1] = (found[-1][0], seq + 1)
        else:
            found.append((seq, seq + 1))
    return found

"""Which rows of a new segment come into parts."""

from __future__ import annotations

from typing import NamedTuple

from lakebed.errors import Corrupt
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.columns.write import NewPart, PartPlace, PartRow, PartRows, Unfit, write_part
from lakebed.pure.compact.plan import Group, is_dead
from lakebed.pure.compact.wanted import Wanted
from lakebed.pure.files import part_name
from lakebed.pure.scan.typed_schema import typed_schema
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Parts", "Refused", "has_parts", "write_parts"]


class Refused(NamedTuple):
    """Rows that stay in frames."""

    collection: int
    end: int
    """The sequence number behind them."""
    why: str
    """A sentence about them."""


class Parts(NamedTuple):
    """What became of the rows of a group."""

    written: list[NewPart]
    refused: list[Refused]

    def remove(self, place: PartPlace) -> None:
        """Remove the files that were written."""
        for part in self.written:
            place.directory.unlink(part_name(place.segment, part.entry.collection))


def write_parts(state: State, group: Group, wanted: Wanted, place: PartPlace) -> Parts:
    """Writes the parts of the segment of a group. After an error no file is left.

    Raises `Corrupt`, `OSError`, `InternalError`.
    """
    parts = Parts([], [])
    try:
        _write(state, group, wanted, place, parts)
    except BaseException:
        parts.remove(place)
        raise
    return parts


def _write(state: State, group: Group, wanted: Wanted, place: PartPlace, parts: Parts) -> None:
    segments = [one.segment for one in group.segments]
    taken: set[int] = set()

    def read(id: int) -> bytes:
        data = state.blob(id)
        if data is None:
            raise Corrupt(f"Blob {id} is named by a row and is not in its segment; verify lists all damage.")
        return data

    for collection, layout in sorted(_layouts(state, segments, wanted).items()):
        rows = _rows(state, group, collection, taken)
        if not rows.rows:
            continue
        try:
            part = write_part(place, rows, read)
            if layout == "auto":
                _check_size(group, part, place)
        except Unfit as reason:
            end = max(row.seq for row in rows.rows) + 1
            why = f"{rows.name} stays rows in segment {_numbers(segments)}: {reason}."
            parts.refused.append(Refused(collection, end, why))
            continue
        parts.written.append(part)
        taken.update(row.blob for row in rows.rows)


def _layouts(state: State, segments: list[RowsSegment], wanted: Wanted) -> dict[int, str]:
    """The collections that are to have a part, and the layout that is wanted of them."""
    here = {entry.collection for segment in segments for entry in segment.all_batches()}
    found = {id: wanted.layout_of(id, segments) for id in here if id in state.catalogue.collections}
    return {id: layout for id, layout in found.items() if layout is not None}


def _rows(state: State, group: Group, id: int, taken: set[int]) -> PartRows:
    """The rows of a collection whose blobs are here and in no part yet, the first one of each blob."""
    collection = state.catalogue.collections[id]
    dictionaries = {one.blob for one in state.catalogue.dictionaries}
    here = set().union(*(one.kept for one in group.segments)) - taken - dictionaries
    rows: list[PartRow] = []
    for segment in (one.segment for one in group.segments):
        for entry in segment.batches(id):
            if is_dead(state.catalogue, id, entry.end_seq - 1):
                continue
            batch = segment.batch(entry)
            file = state.catalogue.files.get(batch.file) if batch.file else None
            for at in range(max(collection.first_live - entry.first_seq, 0), len(batch.blobs)):
                blob = batch.blobs[at]
                if blob in here:
                    here.discard(blob)
                    rows.append(
                        PartRow(blob, entry.first_seq + at, file, batch.lines[at] if batch.file else None, batch.time)
                    )
    rows.sort()
    return PartRows(id, collection.name, typed_schema(collection), rows)


def _check_size(group: Group, part: NewPart, place: PartPlace) -> None:
    """Where the smaller layout is wanted: raises `Unfit` for a part that is not smaller, and removes it."""
    size = sum(one.file_bytes for one in group.segments)
    raw = sum(one.raw_bytes for one in group.segments)
    share = size * part.raw_bytes // max(raw, 1)
    if part.entry.length >= share:
        place.directory.unlink(part_name(place.segment, part.entry.collection))
        raise Unfit(f"it would take {part.entry.length} bytes as columns, and takes about {share} as rows")


def _numbers(segments: list[RowsSegment]) -> str:
    """`3`, or `3 to 5`."""
    first, last = segments[0].number, segments[-1].number
    return str(first) if first == last else f"{first} to {last}"


def has_parts(group: Group) -> bool:
    """Whether the segments of a group have parts."""
    return any(isinstance(one.segment, ColumnsSegment) for one in group.segments)

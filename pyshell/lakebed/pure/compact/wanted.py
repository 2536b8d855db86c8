"""Which layout the records of each collection are to have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lakebed.errors import Corrupt
from lakebed.pure.catalogue import Collection
from lakebed.pure.columns.segment import ColumnsSegment
from lakebed.pure.json.settings import Settings
from lakebed.pure.scan.typed_schema import description_of
from lakebed.pure.segment import RowsSegment
from lakebed.pure.state import State

__all__ = ["Wanted"]

_LEAST_BYTES: Final = 16 << 20
"""Fewer bytes of records in a segment do not become columns by themselves."""


class _Wish(NamedTuple):
    """The layout that is wanted of a collection's records."""

    layout: str
    least: int
    """Fewer bytes of records in a segment stay as they are."""
    stays_rows: int
    """Rows below this one were found unfit for columns."""
    first_live: int
    unmakes: bool
    """Whether columns become rows where rows are wished."""


class Wanted:
    """The layouts that are wanted. Collections that are not among them keep what is there."""

    def __init__(self, wishes: dict[int, _Wish] | None = None, *, remembers: bool = False) -> None:
        self._wishes = wishes or {}
        self.remembers = remembers
        """Whether the wishes are those of the collections' settings: what is refused then is remembered."""

    @classmethod
    def asked(cls, state: State, layout: str, collections: Sequence[int]) -> Wanted:
        """This layout for these collections."""
        known = state.catalogue.collections
        return cls({id: _Wish(layout, 0, 0, known[id].first_live, True) for id in collections})

    @classmethod
    def of_settings(cls, state: State) -> Wanted:
        """What the settings of all collections say. Raises `Corrupt`."""
        found = ((one.id, _wish(state, one, after_ingest=False)) for one in state.catalogue.collections.values())
        return cls({id: wish for id, wish in found if wish is not None}, remembers=True)

    @classmethod
    def ingested(cls, state: State, name: str, *, asked: bool) -> Wanted:
        """What is wanted of a collection whose rows were ingested just now. `asked` says that its setting was given for
        them: columns are then made of fewer rows, too."""
        collection = state.catalogue.named(name)
        wish = None if collection is None else _wish(state, collection, after_ingest=True)
        if collection is None or wish is None:
            return cls(remembers=True)
        wish = wish._replace(unmakes=False)
        if asked and wish.layout == "columns":
            wish = wish._replace(least=0)
        return cls({collection.id: wish}, remembers=True)

    def differs(self, segment: RowsSegment) -> bool:
        """Whether a segment is to be written again for its layout. Raises `Corrupt`."""
        if not self._wishes:
            return False
        parts = _parts_in(segment)
        here = {entry.collection for entry in segment.all_batches()}
        return any((self.layout_of(id, [segment]) is not None) != (id in parts) for id in here)

    def layout_of(self, id: int, segments: Sequence[RowsSegment]) -> str | None:
        """The layout of a collection's rows in the segment that is made of these; None for rows. Raises `Corrupt`."""
        has_part = any(id in _parts_in(segment) for segment in segments)
        kept = "columns" if has_part else None
        wish = self._wishes.get(id)
        if wish is None:
            return kept
        if wish.layout == "rows":
            return None if wish.unmakes else kept
        if has_part:
            return kept
        sizes = [size for segment in segments if (size := _bytes(wish, id, segment)) is not None]
        return wish.layout if sizes and sum(sizes) >= wish.least else None


def _bytes(wish: _Wish, id: int, segment: RowsSegment) -> int | None:
    """About as many bytes as the collection's live rows in a segment have; None where all of them are known to be unfit
    for columns, or there are none."""
    own = rows = 0
    is_new = False
    for entry in segment.all_batches():
        rows += entry.rows
        if entry.collection == id:
            own += min(entry.rows, max(entry.end_seq - wish.first_live, 0))
            is_new |= entry.end_seq > max(wish.first_live, wish.stays_rows)
    if not is_new:
        return None
    return sum(one.raw_bytes for one in segment.commits()) * own // max(rows, 1)


def _wish(state: State, collection: Collection, *, after_ingest: bool) -> _Wish | None:
    """What the settings of a collection say. Records that were not ingested become columns only where somebody said
    so."""
    try:
        settings = description_of(collection).settings or Settings()
    except Corrupt:
        # Whoever reads the rows is told.
        return None
    if settings.layout is None and not any(one.collection == collection.id for one in state.catalogue.ingests):
        return None
    layout = settings.layout or "auto"
    least = _LEAST_BYTES if after_ingest or layout == "auto" else 0
    return _Wish(layout, least, settings.stays_rows, collection.first_live, True)


def _parts_in(segment: RowsSegment) -> set[int]:
    """The collections that have parts in a segment."""
    return {one.collection for one in segment.part_entries()} if isinstance(segment, ColumnsSegment) else set()

"""A segment of the columns layout: the structures of the rows layout, and records in parts."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from lakebed.pure.codec import Decompressor
from lakebed.pure.columns.part import ColumnsPart, PageCache, recent_pages
from lakebed.pure.files import Directory, SegmentFile
from lakebed.pure.format import block as blocks
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import PartEntry, PartList, Table, raw_table
from lakebed.pure.format.header import Header
from lakebed.pure.frames import DecodedFrame, FrameCache
from lakebed.pure.lazy import lazy
from lakebed.pure.parts import Part
from lakebed.pure.segment import RowsSegment

__all__ = ["ColumnsSegment", "Rebuilt"]


class Rebuilt:
    """A record of a part, in the place of a frame that holds one blob."""

    __slots__ = ("data", "proven")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.proven: dict[int, bytes] = {}

    def blob(self, place: int) -> bytes:
        """Its bytes."""
        del place
        return self.data


class ColumnsSegment(RowsSegment):
    """A sealed segment of the columns layout."""

    def __init__(
        self, directory: Directory, mapped: bool, file: SegmentFile, head: Header, parts: list[Part], store: str
    ) -> None:
        """`mapped`: whether the files of the parts may be mapped."""
        super().__init__(file, head, parts, store)
        self._directory = directory
        self._mapped = mapped
        self._opened: dict[int, ColumnsPart] = {}

    @lazy
    def _list(self) -> PartList:
        return PartList.decode(self.parts[0].block.section(blocks.PARTS))

    def part_entries(self) -> list[PartEntry]:
        """The list of its parts. Raises `Corrupt`."""
        with self.named():
            return list(self._list.parts)

    def table(self, entry: PartEntry, decompressor: Callable[[int | None], Decompressor]) -> Table:
        """The table of a part. Raises `Corrupt`."""
        with self.named():
            return self._table(entry, decompressor)

    def _table(self, entry: PartEntry, decompressor: Callable[[int | None], Decompressor]) -> Table:
        raw, stored = raw_table(self.file.exactly(entry.table, entry.table_length), self.header.salt, entry.table)
        return Table.decode(stored if len(stored) == raw else decompressor(None).decompress(stored, raw))

    def part(self, entry: PartEntry, decompressor: Callable[[int | None], Decompressor]) -> ColumnsPart:
        """A part. Raises `Corrupt`, `StoreIOError`."""
        with self.named():
            return self._part(entry, decompressor)

    def _part(self, entry: PartEntry, decompressor: Callable[[int | None], Decompressor]) -> ColumnsPart:
        found = self._opened.get(entry.collection)
        if found is None:
            table = self._table(entry, decompressor)
            try:
                file = SegmentFile(
                    self._directory, self.number, entry.collection, mapped=self._mapped, length=entry.length
                )
            except FileNotFoundError:
                raise Malformed(f"its part of collection {entry.collection} is missing") from None
            found = self._opened[entry.collection] = ColumnsPart(file, self.header.salt, entry, table)
        return found

    def frame_of(
        self, id: int, cache: FrameCache, decompressor: Callable[[int | None], Decompressor]
    ) -> tuple[DecodedFrame | Rebuilt, int] | None:
        with self.named():
            if not any(id in part.ids for part in self.parts):
                return None
            damage: Malformed | None = None
            for entry in self._list.parts:
                try:
                    part = self._part(entry, decompressor)
                except Malformed as problem:
                    # What is in the other parts and in frames stays readable.
                    damage = problem
                    continue
                row = part.ids.ordinal(id)
                if row is not None:
                    return Rebuilt(part.record(row, self.cached(part, cache))), 0
            try:
                return self._frame_of(id, cache, decompressor)
            except Malformed as problem:
                raise damage or problem from None

    def cached(self, part: ColumnsPart, cache: FrameCache) -> PageCache:
        """Keeps the pages of a part in the cache of frames, and whatever its size those of the last records."""
        collection = part.entry.collection

        def kept(offset: int, decode: Callable[[], Any]) -> Any:
            return cache.get(self.number, (collection, offset), decode)

        recent: PageCache = cache.recent((self.number, collection), lambda: recent_pages(part.table, kept))
        return recent

    def records(
        self, decompressor: Callable[[int | None], Decompressor], wanted: Container[int] | None = None
    ) -> list[Iterator[tuple[int, bytes]]]:
        """The ids and bytes of the records of each part, or of those that are wanted. Raises `Corrupt`,
        `StoreIOError`, now and later."""
        return [self._records(self.part(entry, decompressor), wanted) for entry in self.part_entries()]

    def _records(self, part: ColumnsPart, wanted: Container[int] | None) -> Iterator[tuple[int, bytes]]:
        kept = recent_pages(part.table)
        with self.named():
            for row, id in enumerate(part.ids):
                if wanted is None or id in wanted:
                    yield id, part.record(row, kept)

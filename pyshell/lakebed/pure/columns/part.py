"""A part: a Parquet file, its pages as its table lists them, and the records rebuilt from them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import zstandard

from lakebed.pure.columns.pages import DecodedPage, decode_dictionary, decode_page, page_of
from lakebed.pure.columns.shapes import Values, decode_shapes, rebuilt
from lakebed.pure.columns.spell import Spellers
from lakebed.pure.files import SegmentFile
from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.columns import Page, PartEntry, Table, part_salt
from lakebed.pure.format.ids import Ids
from lakebed.pure.json.quoting import quoted
from lakebed.pure.lazy import lazy

__all__ = ["SYSTEM", "ColumnsPart", "PageAt", "PageCache", "recent_pages"]

SYSTEM: Final = ("_seq", "_file", "_line", "_ingested_at", "_shape", "_fix", "_raw")
"""The last leaves of a part."""


class PageAt(NamedTuple):
    """A page, and where it is."""

    leaf: int
    group: int
    page: Page
    end: int
    """The row of the part before which its rows end."""


PageCache = Callable[[int, Callable[[], Any]], Any]
"""Gives what is kept for the page at an offset of the part, or keeps what the function makes."""


def recent_pages(table: Table, otherwise: PageCache | None = None) -> PageCache:
    """Keeps what was used last, as many pages as records in order need; asks `otherwise` for what it does not keep."""
    most = 4 * len(table.leaves)
    pages: OrderedDict[int, Any] = OrderedDict()

    def kept(offset: int, decode: Callable[[], Any]) -> Any:
        if offset not in pages:
            pages[offset] = decode() if otherwise is None else otherwise(offset, decode)
        pages.move_to_end(offset)
        while len(pages) > most:
            pages.popitem(last=False)
        return pages[offset]

    return kept


class ColumnsPart:
    """The records of one collection."""

    def __init__(self, file: SegmentFile, salt: int, entry: PartEntry, table: Table) -> None:
        """`salt` is that of the segment. Raises `Malformed`."""
        self.file = file
        self.salt = part_salt(salt, entry.collection)
        self.entry = entry
        self.table = table
        if len(table.ids) != entry.rows or len(table.leaves) < len(SYSTEM):
            raise Malformed("a part has another number of rows than its table, or too few leaves")
        self._system = len(table.leaves) - len(SYSTEM)
        """The number of the first leaf that no column of the collection has."""

    @property
    def ids(self) -> Ids:
        return self.table.ids

    @lazy
    def _spellers(self) -> Spellers:
        found = Spellers.decode(self.table.spellers)
        if len(found.leaves) != self._system or found.lists != len(self.table.lists):
            raise Malformed("the spellers are of other columns")
        return found

    @lazy
    def _shapes(self) -> list[Any]:
        return decode_shapes(self.table.shapes)

    def record(self, row: int, kept: PageCache) -> bytes:
        """The record of a row. Raises `Malformed`, `StoreIOError`."""
        shape = self._values("_shape", row, kept)
        if not shape:
            raw = self._values("_raw", row, kept)
            if not raw:
                raise Malformed(f"row {row} of the part has neither a shape nor its bytes")
            return bytes(raw[0])
        fix = self._values("_fix", row, kept)
        values = Values(
            lambda leaf: self._page(leaf, row, kept).of(row),
            lambda place: self._lengths(place, row, kept),
        )
        return rebuilt(self._shapes, self._spellers, shape[0], fix[0] if fix else b"", values)

    def _lengths(self, place: int, row: int, kept: PageCache) -> list[int]:
        if place >= len(self.table.lists):
            raise Malformed("a shape names a list that there is not")
        entry = self.table.lists[place]
        if not 0 < entry.depth <= len(self.table.leaves[entry.leaf].elements):
            raise Malformed("a list lies in more lists than its leaf")
        return self._page(entry.leaf, row, kept).lengths(row, entry.depth)

    def _values(self, name: str, row: int, kept: PageCache) -> list[Any]:
        return self._page(self._system + SYSTEM.index(name), row, kept).of(row)

    def _page(self, leaf: int, row: int, kept: PageCache) -> DecodedPage:
        """The page of a leaf that holds a row."""
        group = bisect_right(self.table.groups, row) - 1
        pages = self.table.chunks[leaf][group].pages
        place = page_of(pages, row)
        if place < 0:
            raise Malformed(f"no page of {self.table.leaves[leaf].path} holds row {row} of the part")
        page = pages[place]
        found: DecodedPage = kept(page.offset, lambda: self.decoded(self._at(leaf, group, place), kept))
        return found

    def _at(self, leaf: int, group: int, place: int) -> PageAt:
        pages = self.table.chunks[leaf][group].pages
        if place + 1 < len(pages):
            end = pages[place + 1].first_row
        elif group + 1 < len(self.table.groups):
            end = self.table.groups[group + 1]
        else:
            end = self.table.rows
        return PageAt(leaf, group, pages[place], end)

    def seqs(self) -> list[int]:
        """The sequence number of each row. Raises `Malformed`, `StoreIOError`."""
        kept = recent_pages(self.table)
        found: list[int] = []
        for at in self.data_pages():
            if at.leaf == self._system:
                page = self.decoded(at, kept)
                found += (value for row in range(at.page.first_row, at.end) for value in page.of(row))
        if len(found) != self.table.rows:
            raise Malformed("a part has no sequence numbers")
        return found

    def data_pages(self) -> Iterator[PageAt]:
        """All pages with rows."""
        for leaf, chunks in enumerate(self.table.chunks):
            for group, chunk in enumerate(chunks):
                for place in range(len(chunk.pages)):
                    yield self._at(leaf, group, place)

    def body(self, page: Page) -> bytes:
        """The body of a page, decompressed, after its checksum was checked. Raises `Malformed`, `StoreIOError`."""
        data = self.file.exactly(page.offset, page.length)
        if checksum(self.salt, page.offset, data) != page.checksum:
            raise Malformed("the checksum is wrong")
        if not page.raw:
            return b""
        try:
            found = zstandard.ZstdDecompressor().decompress(data[page.header :], max_output_size=page.raw)
        except zstandard.ZstdError as problem:
            raise Malformed(f"it cannot be decompressed: {problem}") from None
        if len(found) != page.raw:
            raise Malformed("it is shorter than its header says")
        return found

    def decoded(self, at: PageAt, kept: PageCache) -> DecodedPage:
        """A page, decoded. Raises `Malformed`, `StoreIOError`."""
        leaf = self.table.leaves[at.leaf]
        try:
            return decode_page(self.body(at.page), at.page, at.end, leaf, lambda: self._dictionary(at, kept))
        except Malformed as problem:
            raise Malformed(
                f"a page of column {quoted(leaf.path)}, rows {at.page.first_row} to {at.end} of the part, cannot be read "
                f"({problem}), at offset {at.page.offset} of {self.file.name}"
            ) from problem

    def _dictionary(self, at: PageAt, kept: PageCache) -> list[Any]:
        page = self.table.chunks[at.leaf][at.group].dictionary
        if page is None:
            raise Malformed("there is no dictionary")
        found: list[Any] = kept(
            page.offset, lambda: decode_dictionary(self.body(page), page, self.table.leaves[at.leaf])
        )
        return found

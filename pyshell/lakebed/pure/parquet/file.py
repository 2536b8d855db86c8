"""A Parquet file: row groups, the places of pages, the footer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import zstandard

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.columns import Chunk, Page
from lakebed.pure.parquet.chunk import pages_of, parquet_encoding
from lakebed.pure.parquet.schema import ColumnType, Leaf, described, leaves_of, parquet_type, path_of
from lakebed.pure.parquet.statistics import statistics
from lakebed.pure.parquet.thrift import I32, I64, Items, Struct, Text, encoded

__all__ = ["FileWriter", "LeafEntries"]

_MAGIC: Final = b"PAR1"
_ZSTD: Final = 6
_RLE: Final = 3
_BY_TYPE: Final = Struct({1: Struct({})})

LeafEntries = tuple[Sequence[int], Sequence[int], Sequence[Any]]
"""The entries of a leaf in a row group: repetition levels, definition levels, values."""


class FileWriter:
    """Writes a file, row group by row group, and keeps where its pages are."""

    def __init__(self, columns: list[ColumnType], level: int, salt: int, write: Callable[[bytes], None]) -> None:
        """`level` is zstd's; `salt` is that of the checksums of pages."""
        self._columns = columns
        self._salt = salt
        self._write = write
        self._compress = zstandard.ZstdCompressor(level=level).compress
        self._offset = 0
        self.leaves = leaves_of(columns)
        self.rows = 0
        self.groups: list[int] = []
        """The first row of each row group."""
        self.chunks: list[list[Chunk]] = [[] for _ in self.leaves]
        """For each leaf, those of all row groups."""
        self._described: list[tuple[int, list[dict[int, Any]]]] = []
        """For each row group its rows, and of each chunk its metadata."""
        self._put(_MAGIC)

    def _put(self, data: bytes) -> int:
        """Writes bytes. Returns where they are."""
        self._write(data)
        self._offset += len(data)
        return self._offset - len(data)

    def add(self, rows: int, entries: Sequence[LeafEntries]) -> None:
        """Adds a row group: for each leaf its entries."""
        described = []
        for leaf, chunks, own in zip(self.leaves, self.chunks, entries, strict=True):
            chunk, metadata = self._chunk(leaf, rows, *own)
            chunks.append(chunk)
            described.append(metadata)
        self.groups.append(self.rows)
        self._described.append((rows, described))
        self.rows += rows

    def _chunk(
        self, leaf: Leaf, rows: int, repetition: Sequence[int], definition: Sequence[int], values: Sequence[Any]
    ) -> tuple[Chunk, dict[int, Any]]:
        dictionary: Page | None = None
        pages: list[Page] = []
        raw = start = self._offset
        for one in pages_of(leaf.entry, rows, repetition, definition, values, self._compress):
            offset = self._put(one.data)
            page = Page(
                offset,
                len(one.data),
                one.header,
                one.raw,
                one.values,
                self.rows + one.first_row,
                one.encoding,
                checksum(self._salt, offset, one.data),
            )
            raw += one.header + one.raw
            if one.is_dictionary:
                dictionary = page
            else:
                pages.append(page)
        used = {_RLE, *(parquet_encoding(page.encoding) for page in (*pages, *([dictionary] if dictionary else [])))}
        count = len(definition) or len(values)
        return Chunk(dictionary, pages), {
            1: I32(parquet_type(leaf.entry.type)),
            2: Items(I32, [I32(encoding) for encoding in sorted(used)]),
            3: path_of(leaf),
            4: I32(_ZSTD),
            5: I64(count),
            6: I64(raw - start),
            7: I64(self._offset - start),
            9: I64(pages[0].offset),
            11: None if dictionary is None else I64(dictionary.offset),
            12: statistics(leaf.type, values, count - len(values)),
        }

    def finish(self, notes: dict[str, str]) -> None:
        """Ends the file; `notes` are what its metadata says under keys."""
        groups = []
        for number, (rows, chunks) in enumerate(self._described):
            columns = [self._column(leaf, number, metadata) for leaf, metadata in enumerate(chunks)]
            first = self.chunks[0][number]
            groups.append(
                Struct(
                    {
                        1: Items(Struct, columns),
                        2: I64(sum(metadata[6].value for metadata in chunks)),
                        3: I64(rows),
                        5: I64((first.dictionary or first.pages[0]).offset),
                        6: I64(sum(metadata[7].value for metadata in chunks)),
                    }
                )
            )
        footer = encoded(
            Struct(
                {
                    1: I32(1),
                    2: Items(Struct, described(self._columns)),
                    3: I64(self.rows),
                    4: Items(Struct, groups),
                    5: Items(Struct, [Struct({1: Text(key), 2: Text(value)}) for key, value in notes.items()]),
                    6: Text("lakebed"),
                    7: Items(Struct, [_BY_TYPE] * len(self.leaves)),
                }
            )
        )
        self._put(footer + len(footer).to_bytes(4, "little") + _MAGIC)

    def _column(self, leaf: int, group: int, metadata: dict[int, Any]) -> Struct:
        """A chunk in the footer, after it has written where its pages are."""
        places = [
            Struct({1: I64(page.offset), 2: I32(page.length), 3: I64(page.first_row - self.groups[group])})
            for page in self.chunks[leaf][group].pages
        ]
        index = encoded(Struct({1: Items(Struct, places)}))
        return Struct({2: I64(0), 3: Struct(metadata), 4: I64(self._put(index)), 5: I32(len(index))})

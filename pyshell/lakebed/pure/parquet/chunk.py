"""A column chunk: the pages of a leaf in a row group."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from lakebed.pure.columns.encodings import (
    BOOLEAN,
    BYTES,
    DELTA_BINARY,
    DELTA_BYTES,
    DELTA_LENGTHS,
    DICTIONARY,
    FIXED,
    INT32,
    PLAIN,
)
from lakebed.pure.format.columns import LeafEntry
from lakebed.pure.parquet import encode
from lakebed.pure.parquet.thrift import I32, Struct, encoded

__all__ = ["ChunkPage", "pages_of", "parquet_encoding"]

_PAGE_BYTES: Final = 16 << 10
"""Bytes of a page before compression, about."""
_PAGE_ROWS: Final = 2_048
_DICTIONARY_BYTES: Final = 256 << 10
_TRIED: Final = 8_192
"""Values by which an encoding is chosen."""
_REPEATED: Final = 4
"""A dictionary pays where a value is there as often, on average."""
_RLE: Final = 3
_PARQUET: Final = {PLAIN: 0, DICTIONARY: 8, DELTA_BINARY: 5, DELTA_LENGTHS: 6, DELTA_BYTES: 7}

Compress = Callable[[bytes], bytes]


def parquet_encoding(encoding: int) -> int:
    """Parquet's number of an encoding."""
    return _PARQUET[encoding]


class ChunkPage(NamedTuple):
    """A page as it is written."""

    data: bytes
    header: int
    """Bytes of its header."""
    raw: int
    """Bytes of its body before compression."""
    values: int
    """NULL and empty ones included; of a dictionary page, the entries."""
    first_row: int
    """In the row group."""
    encoding: int
    is_dictionary: bool


def pages_of(
    leaf: LeafEntry,
    rows: int,
    repetition: Sequence[int],
    definition: Sequence[int],
    values: Sequence[Any],
    compress: Compress,
) -> Iterator[ChunkPage]:
    """The pages of a leaf in a row group with so many rows: the dictionary, if there is one, and those of the rows.

    `repetition` and `definition` are the levels of the entries, empty where no list is around the leaf or where it
    always has a value.
    """
    places = _dictionary(leaf.type, values)
    if places is None:
        encoding, stored, width = _encoding(leaf.type, values, compress), values, 0
    else:
        encoding, stored, width = DICTIONARY, [places[value] for value in values], max(len(places) - 1, 1).bit_length()
        body = encode.values(list(places), leaf.type, PLAIN)
        head = Struct({1: I32(len(places)), 2: I32(_PARQUET[PLAIN])})
        yield _page(body, compress, len(places), 0, PLAIN, {1: I32(2), 7: head})
    starts = [at for at, level in enumerate(repetition) if not level] if leaf.elements else None
    full = leaf.definition
    before = [0, *accumulate(level == full for level in definition)] if full else None
    for first, end in _rows_of_pages(rows, starts, before, _sizes(leaf.type, values, is_dictionary=places is not None)):
        at, stop = (first, end) if starts is None else (starts[first], starts[end] if end < rows else len(repetition))
        data = bytearray()
        for levels, highest in ((repetition, len(leaf.elements)), (definition, full)):
            if highest:
                packed = encode.hybrid(levels[at:stop], highest.bit_length())
                data += len(packed).to_bytes(4, "little") + packed
        own = stored[at:stop] if before is None else stored[before[at] : before[stop]]
        data += (
            bytes([width]) + encode.hybrid(own, width)
            if places is not None
            else encode.values(own, leaf.type, encoding)
        )
        head = Struct({1: I32(stop - at), 2: I32(_PARQUET[encoding]), 3: I32(_RLE), 4: I32(_RLE)})
        yield _page(bytes(data), compress, stop - at, first, encoding, {1: I32(0), 5: head})


def _page(
    body: bytes, compress: Compress, values: int, first_row: int, encoding: int, fields: dict[int, Any]
) -> ChunkPage:
    packed = compress(body)
    header = encoded(Struct(dict(sorted({**fields, 2: I32(len(body)), 3: I32(len(packed))}.items()))))
    is_dictionary = fields[1] == I32(2)
    return ChunkPage(header + packed, len(header), len(body), values, first_row, encoding, is_dictionary)


def _dictionary(type: int, values: Sequence[Any]) -> dict[Any, int] | None:
    """The places of the distinct values in a dictionary; None where it does not pay."""
    if type == BOOLEAN or not values:
        return None
    # -0.0 equals 0.0, and is another value.
    found = dict.fromkeys(values)
    if len(found) * _REPEATED > len(values) or (0.0 in found and isinstance(next(iter(found)), float)):
        return None
    size = sum(len(value) + 4 for value in found) if type == BYTES else len(found) * 8
    return None if size > _DICTIONARY_BYTES else {value: place for place, value in enumerate(found)}


def _encoding(type: int, values: Sequence[Any], compress: Compress) -> int:
    """The encoding with the fewest bytes for the first values."""
    sample = values[:_TRIED]
    candidates = encode.encodings_of(type)
    if not sample or len(candidates) == 1:
        return PLAIN
    return min(candidates, key=lambda encoding: len(compress(encode.values(sample, type, encoding))))


def _sizes(type: int, values: Sequence[Any], *, is_dictionary: bool) -> list[int] | int:
    """Bytes of the values up to each; or of one, where all have the same."""
    if is_dictionary or type == BOOLEAN:
        return 1
    if type == BYTES:
        return [0, *accumulate(len(value) + 4 for value in values)]
    return 16 if type == FIXED else 4 if type == INT32 else 8


def _rows_of_pages(
    rows: int, starts: list[int] | None, before: list[int] | None, sizes: list[int] | int
) -> Iterator[tuple[int, int]]:
    """The rows of each page: as many as fit, at least one."""

    def bytes_before(row: int) -> int:
        """Bytes of the rows before this one."""
        entry = row if starts is None else starts[row] if row < rows else starts[-1]
        value = entry if before is None else before[entry]
        # An entry in a list has levels.
        levels = 0 if starts is None else entry // 2
        return levels + (value * sizes if isinstance(sizes, int) else sizes[value])

    first = 0
    while first < rows:
        most = min(first + _PAGE_ROWS, rows)
        limit = bytes_before(first) + _PAGE_BYTES
        end = bisect_left(range(first + 1, most), limit, key=bytes_before) + first + 1
        yield first, end
        first = end

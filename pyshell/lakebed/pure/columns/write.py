"""Writing a part: rows of a collection into a Parquet file from which each record is rebuilt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from xxhash import xxh3_64

from lakebed.errors import InternalError
from lakebed.pure.columns import origin
from lakebed.pure.columns.leaves import Leaves
from lakebed.pure.columns.part import SYSTEM, ColumnsPart, recent_pages
from lakebed.pure.columns.shaper import Shaper, spellers_of
from lakebed.pure.columns.shapes import Values
from lakebed.pure.columns.shred import Shredder
from lakebed.pure.files import Directory, SegmentFile, part_name, write_all
from lakebed.pure.format.columns import PartEntry, Table, part_salt
from lakebed.pure.format.ids import Ids
from lakebed.pure.hash import digest
from lakebed.pure.json.columns import Column, Schema
from lakebed.pure.json.extract import ExtractError, Extractor
from lakebed.pure.json.types import BIGINT, TIMESTAMPTZ, VARCHAR, Scalar
from lakebed.pure.parquet.file import FileWriter, LeafEntries
from lakebed.pure.parquet.schema import BINARY, INT, ColumnType, LeafType

__all__ = ["LONG", "NewPart", "PartPlace", "PartRow", "PartRows", "Unfit", "write_part"]

LONG: Final = 64 << 10
"""Records of more bytes are listed with the parts."""
_LEAST_ROWS: Final = 64
"""Fewer rows are not worth a file."""
_SAMPLE_ROWS: Final = 4_096
"""Records by which spellers are chosen."""
_SAMPLE_RUN: Final = 64
"""Neighbours of the sample, which lie in the same frames."""
_SAMPLE_BYTES: Final = 8 << 20
_BATCH_ROWS: Final = 8_192
"""Rows between two looks at what lies outside the typed columns."""
_BATCH_BYTES: Final = 16 << 20
_GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 128 << 20
"""Bytes of the records of a row group, about."""
_OVERFLOW: Final = 10
"""Of the bytes of the records, the part that may lie outside the typed columns: a tenth."""


class Unfit(Exception):
    """Why rows stay in frames: half a sentence."""


class PartRow(NamedTuple):
    """A row to write: the first of the collection that names its blob."""

    blob: int
    seq: int
    file: str | None
    line: int | None
    time: int


class PartRows(NamedTuple):
    """The rows of a part, by ascending blob ids."""

    collection: int
    name: str
    schema: Schema
    rows: list[PartRow]


class PartPlace(NamedTuple):
    """Where a part is written."""

    directory: Directory
    segment: int
    salt: int
    """Of the segment."""
    level: int


class NewPart(NamedTuple):
    """A part whose file is written and synced."""

    entry: PartEntry
    """Where its table lies is not known yet."""
    table: Table
    raw_bytes: int
    """Bytes of its records."""
    long: list[int]
    """The ids of its long records."""


def write_part(place: PartPlace, rows: PartRows, read: Callable[[int], bytes]) -> NewPart:
    """Writes the part of these rows; `read` gives the record of an id.

    After an error no file is left. Raises `Unfit`; `OSError`, `InternalError`, and the errors of `read`.
    """
    if len(rows.rows) < _LEAST_ROWS:
        raise Unfit(f"it has only {len(rows.rows)} rows here")
    name = part_name(place.segment, rows.collection)
    # Whatever a crash left there.
    place.directory.unlink(name)
    try:
        return _written(place, rows, read)
    except BaseException:
        place.directory.unlink(name)
        raise


def _written(place: PartPlace, rows: PartRows, read: Callable[[int], bytes]) -> NewPart:
    name, salt = part_name(place.segment, rows.collection), part_salt(place.salt, rows.collection)
    leaves = Leaves(rows.schema.columns)
    spellers = spellers_of(leaves, _sample(rows, read))
    sink = _Sink(place.directory.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), salt)
    try:
        file = FileWriter(_column_types(rows.schema.columns), place.level, salt, sink.write)
        records = _Records(rows, leaves, Shaper(leaves, spellers))
        for group in records.groups(read):
            file.add(len(group[-1][1]), group)
        file.finish({origin.NOTE: origin.note(rows.schema.columns)})
        os.fsync(sink.descriptor)
    finally:
        os.close(sink.descriptor)
    ids = Ids.of(row.blob for row in rows.rows)
    shapes = records.shaper.encoded()
    entries = [leaf.entry for leaf in file.leaves]
    table = Table(ids, leaves.lists, spellers, shapes, file.rows, entries, file.groups, file.chunks)
    entry = PartEntry(rows.collection, file.rows, sink.length, sink.digest.intdigest(), 0, 0)
    _check(place, entry, table, records.hashes)
    return NewPart(entry, table, records.raw_bytes, records.long)


class _Sink:
    """The file that is written."""

    def __init__(self, descriptor: int, salt: int) -> None:
        self.descriptor = descriptor
        self.length = 0
        self.digest = xxh3_64(seed=salt)

    def write(self, data: bytes) -> None:
        write_all(self.descriptor, data, self.length)
        self.length += len(data)
        self.digest.update(data)


def _column_types(columns: Sequence[Column]) -> list[ColumnType]:
    """The columns of the file: the typed ones, then those that rebuild records."""
    found: list[ColumnType] = [(column.name, column.type, False) for column in columns]
    names = {column.name.lower() for column in columns}
    kinds: tuple[Scalar | LeafType, ...] = (BIGINT, VARCHAR, BIGINT, TIMESTAMPTZ, INT, BINARY, BINARY)
    for name, kind in zip(SYSTEM, kinds, strict=True):
        own = name
        while own in names:
            own += "_"
        found.append((own, kind, name in ("_seq", "_ingested_at")))
    return found


def _sample(rows: PartRows, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Records from all over the rows."""
    size = 0
    step = max(len(rows.rows) // (_SAMPLE_ROWS // _SAMPLE_RUN), _SAMPLE_RUN)
    for start in range(0, len(rows.rows), step):
        for row in rows.rows[start : start + min(step, _SAMPLE_RUN)]:
            record = read(row.blob)
            yield record
            size += len(record)
            if size > _SAMPLE_BYTES:
                return


class _Records:
    """Takes records apart."""

    def __init__(self, rows: PartRows, leaves: Leaves, shaper: Shaper) -> None:
        self._rows = rows
        self._extractor = Extractor(rows.schema.columns)
        self._shredder = Shredder(leaves)
        self.shaper = shaper
        self.hashes: list[bytes] = []
        self.long: list[int] = []
        self.raw_bytes = 0
        self._overflow = 0
        """Bytes that are not in typed columns."""

    def groups(self, read: Callable[[int], bytes]) -> Iterator[list[LeafEntries]]:
        """The entries of all leaves, for each row group. Raises `Unfit`."""
        rows = self._rows.rows
        told: list[tuple[PartRow, int | None, bytes, bytes]] = []
        batch = batch_bytes = group_bytes = 0
        for place, row in enumerate(rows):
            record = read(row.blob)
            told.append((row, *self._take(row.blob, record)))
            batch, batch_bytes, group_bytes = batch + 1, batch_bytes + len(record), group_bytes + len(record)
            is_last = place + 1 == len(rows)
            if is_last or batch >= _BATCH_ROWS or batch_bytes >= _BATCH_BYTES:
                self._check_overflow()
                batch = batch_bytes = 0
            if is_last or len(told) >= _GROUP_ROWS or group_bytes >= _GROUP_BYTES:
                typed = [(leaf.repetition, leaf.definition, leaf.values) for leaf in self._shredder.columns]
                yield [*typed, *_system(told)]
                self._shredder.begin()
                told, group_bytes = [], 0

    def _take(self, blob: int, record: bytes) -> tuple[int | None, bytes, bytes]:
        """The shape, the `_fix` and the `_raw` of a record."""
        try:
            values = self._extractor.values(record)
        except ExtractError:
            # The rows' summary may be wrong about them, as in a store that somebody forged.
            raise Unfit("its values do not fit its types") from None
        self._shredder.push(values)
        self.hashes.append(digest(record))
        self.raw_bytes += len(record)
        if len(record) > LONG:
            self.long.append(blob)
        found = self.shaper.shape(record)
        if found is not None:
            shape, fix = found
            if self.shaper.gives(record, shape, fix, Values(self._shredder.values, self._shredder.lengths)):
                self._overflow += len(fix)
                return shape, fix, b""
        self._overflow += len(record)
        return None, b"", record

    def _check_overflow(self) -> None:
        overflow = self._overflow + self.shaper.size
        if overflow * _OVERFLOW > self.raw_bytes:
            percent = overflow * 100 // max(self.raw_bytes, 1)
            raise Unfit(f"{percent} % of its bytes do not fit typed columns or repeated shapes")


def _system(told: list[tuple[PartRow, int | None, bytes, bytes]]) -> list[LeafEntries]:
    """The entries of the leaves that no column of the collection has."""
    nothing: list[int] = []

    def optional(values: list[object]) -> LeafEntries:
        return nothing, [int(value is not None) for value in values], [value for value in values if value is not None]

    return [
        (nothing, nothing, [row.seq for row, *_ in told]),
        optional([None if row.file is None else row.file.encode() for row, *_ in told]),
        optional([row.line for row, *_ in told]),
        (nothing, nothing, [row.time for row, *_ in told]),
        optional([shape for _, shape, _, _ in told]),
        optional([fix or None for _, _, fix, _ in told]),
        optional([raw if shape is None else None for _, shape, _, raw in told]),
    ]


def _check(place: PartPlace, entry: PartEntry, table: Table, hashes: list[bytes]) -> None:
    """Rebuilds each record from the file, and compares it. Raises `InternalError`."""
    file = SegmentFile(place.directory, place.segment, entry.collection, mapped=False, length=entry.length)
    try:
        part = ColumnsPart(file, place.salt, entry, table)
        kept = recent_pages(table)
        for row, hash in enumerate(hashes):
            if digest(part.record(row, kept)) != hash:
                raise InternalError(
                    f"Row {row} of {part_name(place.segment, entry.collection)} was not rebuilt byte for byte, and nothing was "
                    "replaced; please report this."
                )
    finally:
        file.close()

"""Test vectors of the format: one small file for each structure, which docs/format.md names and both implementations
decode.

`python -m tests.pure.vectors` writes tests/vectors from this list, with the encoders in Python. Tests decode the files:
tests/pure/test_vectors.py, engine/format/src/tests/vectors.rs and, for the table of a part,
engine/core/src/segment/columns/table.rs. A file has lines `given NAME VALUE` (what a reader knows before), then `NAME
VALUE` for each field, then lines of hex. A new structure is a function here, one in Rust, and a name on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lakebed.pure.format import block as blocks
from lakebed.pure.format import columns, records, tables
from lakebed.pure.format.checksums import Pages, checksum, page_checksums
from lakebed.pure.format.coding import Reader
from lakebed.pure.format.commit import Commit
from lakebed.pure.format.difference import BodyDifference, encode_difference
from lakebed.pure.format.fingerprint_table import FingerprintTable, TableExtent, encode_table
from lakebed.pure.format.footer import Trailer
from lakebed.pure.format.frame import DICTIONARY, Frame
from lakebed.pure.format.header import ROWS, Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.large import BlockEntry, LargeTrailer
from lakebed.pure.format.lock_text import LockText
from lakebed.pure.format.manifest import CollectionEntry, Manifest, SealedSegment
from lakebed.pure.format.rows import RowBatch
from lakebed.pure.format.run import RunHead, decode_bucket, encode_bucket
from lakebed.pure.format.store_file import StoreFile

DIRECTORY = Path(__file__).parents[1] / "vectors"
SALT = 0x0123456789ABCDEF
UUID = b"lakebed's uuid.."
SEGMENT = 7
TIME = 1_700_000_000_000_000
DIGEST = bytes(range(32))
HEADER = Header(2, ROWS, SEGMENT, UUID, SALT, 1000)

Fields = Iterator[tuple[str, Any]]


class Vector(NamedTuple):
    """One structure: what a reader knows, its bytes, and what its fields are when the bytes are decoded."""

    title: str
    given: dict[str, int]
    data: bytes
    decode: Callable[[bytes], Fields]


def shown(value: Any) -> str:
    """A value as the files write it: numbers in decimal, bytes in hex, lists with blanks, `-` for what is not there."""
    match value:
        case None | b"" | "" | [] | ():
            return "-"
        case bool():
            return str(int(value))
        case bytes() | memoryview():
            return bytes(value).hex()
        case Ids():
            return " ".join(f"{start}..{end}" for start, end in value.runs()) or "-"
        case list() | tuple():
            return " ".join(map(shown, value))
        case _:
            return str(value)


def named(value: Any, names: str) -> Fields:
    """The fields of a tuple, by the names of the page; `.` leaves one out."""
    for name, field in zip(names.split(), value, strict=True):
        if name != ".":
            yield name, field


def _format() -> Vector:
    names = "uuid incompatible read_compatible created minor"
    value = StoreFile(UUID, 3, 0, TIME, 5)
    return Vector("FORMAT", {}, value.encode(), lambda data: named(StoreFile.decode(data), names))


def _lock() -> Vector:
    value = LockText(4711, "lakebed ingest", TIME, 42)
    return Vector("LOCK", {}, value.encode(), lambda data: named(LockText.decode(data), "pid command since synced"))


def _header() -> Vector:
    names = "format layout number uuid salt first_id"
    return Vector("the header of a segment", {}, HEADER.encode(), lambda data: named(Header.decode(data), names))


def _frame() -> Vector:
    ids = Ids([(5, 7), (9, 10), (1000, 1003)])
    payload = b"as compressed"
    data = Frame(DICTIONARY, len(payload), 400, 2, ids).encode(payload, SALT, 64)

    def decode(data: bytes) -> Fields:
        frame = Frame.decode(data)
        frame.check(data, SALT, 64)
        yield from named(frame[:5], "encoding stored_length raw_length dictionary ids")
        yield "header_length", frame.header_length
        yield "payload", data[frame.header_length :]

    return Vector("a frame", {"salt": SALT, "offset": 64}, data, decode)


def _row_batch() -> Vector:
    value = RowBatch(3, 500, [40, 41, 42, 7, 7, 340], 9, [1, 2, 3, 5, 6, 305], TIME, 42)
    names = "collection first_seq blobs file lines time commit"

    def decode(data: bytes) -> Fields:
        return named(RowBatch.decode(data, SALT, 200, True), names)

    return Vector("a row batch", {"salt": SALT, "offset": 200}, value.encode(SALT, 200), decode)


def _commits() -> list[tables.CommitEntry]:
    return [tables.CommitEntry(41, TIME, 400, 3, 0, 300), tables.CommitEntry(42, TIME + 5, 1000, 1, 6, 1 << 33)]


def _index_block() -> Vector:
    frames = [tables.FrameEntry(5, 64), tables.FrameEntry(300, 130)]
    batch = tables.BatchEntry(3, 500, 6, 9, TIME, 42, 200, 40, 7, 340)
    made = [
        blocks.Made(blocks.FRAMES, tables.FrameEntry.encode(frames)),
        blocks.Made(blocks.FINGERPRINTS, b"".join(n.to_bytes(8, "little") for n in (7, 1 << 63, 3)), True),
        blocks.Made(blocks.IDS, Ids([(5, 7), (300, 301)]).encoded()),
        blocks.Made(blocks.ROWS, tables.BatchEntry.encode([batch, batch._replace(first_seq=506, rows=1)])),
        blocks.Made(blocks.COMMITS, tables.CommitEntry.encode(_commits())),
        blocks.Made(blocks.RECORDS, records.encode_records([records.NextRow(3, 507)])),
    ]
    data = blocks.encode_block(1, 64, made, SALT, 1008)

    def decode(data: bytes) -> Fields:
        found = blocks.Block.decode(data, SALT, 1008)
        yield "level", found.level
        yield "first_group", found.first_group
        for section in found.sections.values():
            yield "section", [section.kind, 12 if section.paged else 0, section.offset, section.length]
        for entry in tables.FrameEntry.decode(found.section(blocks.FRAMES)):
            yield "frame", entry
        numbers = bytes(found.section(blocks.FINGERPRINTS))
        yield "fingerprints", [int.from_bytes(numbers[at : at + 8], "little") for at in range(0, len(numbers), 8)]
        yield "ids", Ids.read(Reader(found.section(blocks.IDS)))
        for batch in tables.BatchEntry.decode(found.section(blocks.ROWS), True):
            yield "batch", batch
        for commit in tables.CommitEntry.decode(found.section(blocks.COMMITS)):
            yield "commit", commit
        yield from record_fields(found.section(blocks.RECORDS))

    return Vector("an index block", {"salt": SALT, "offset": 1008}, data, decode)


def _commit() -> Vector:
    value = Commit(42, TIME, 64, 1008, 333, SEGMENT, SALT, 99, 1003, 0xAABBCCDDEEFF0011)
    names = "number time group block block_length segment salt predecessor next_blob group_checksum checksum"

    def decode(data: bytes) -> Fields:
        return named(Commit.decode(data, 1344, HEADER), names)

    return Vector("COMMIT", {"salt": SALT, "segment": SEGMENT, "offset": 1344}, value.encode(1344)[0], decode)


def _all_records() -> list[records.Record]:
    return [
        records.CollectionCreated(3, "Ereignisse ü", -7),
        records.CollectionDropped(1),
        records.Described(3, b"\x01\x02\x03"),
        records.DictionaryAdded(2, 3, 1, 300, DIGEST, 112640),
        records.FileNamed(1, "events.ndjson.gz"),
        records.Ingested(3, 1, True, 1 << 33, DIGEST, 1 << 35, 65537, DIGEST[::-1]),
        records.Ingested(3, 1, False, 0, None, 100, 2, DIGEST),
        records.Deleted(8, ((3, 2), (4, 300))),
        records.Pinned(Ids([(1, 4), (9, 10), (11, 12)])),
        records.Trimmed(3, 1000, 2),
        records.LargeBlob(4, 301, 17 << 20, 16 << 20, 0xFEEDBEEF00000001),
        records.NextNumbers(5, 2, 3, 6),
        records.NextRow(3, 65537),
    ]


_RECORDS: dict[type, str] = {
    records.CollectionCreated: "collection_created",
    records.CollectionDropped: "collection_dropped",
    records.Described: "schema",
    records.DictionaryAdded: "dictionary",
    records.FileNamed: "file",
    records.Ingested: "ingest",
    records.Deleted: "deleted",
    records.Pinned: "pinned",
    records.Trimmed: "trimmed",
    records.LargeBlob: "large_blob",
    records.NextNumbers: "next_numbers",
    records.NextRow: "next_row",
}


def record_fields(data: Any) -> Fields:
    """Each record by its name on the page."""
    for record in records.decode_records(data):
        yield _RECORDS[type(record)], list(record)


def _records() -> Vector:
    return Vector("catalogue records", {}, records.encode_records(_all_records()), record_fields)


def _large() -> Vector:
    table = [BlockEntry(4096, 500, 7), BlockEntry(4596, 900, 1 << 63)]
    encoded = BlockEntry.encode(table)
    trailer = LargeTrailer(301, (1 << 20) + 5, 1, 5496, 2, checksum(SALT, 5496, encoded))

    def decode(data: bytes) -> Fields:
        for entry in BlockEntry.decode(data[:-64]):
            yield "block", entry
        found = LargeTrailer.decode(data[-64:], SALT, 16320)
        assert checksum(SALT, found.table, data[:-64]) == found.table_checksum
        yield from named(found, "blob length encoding table blocks table_checksum")

    data = encoded + trailer.encode(SALT, 16320)
    return Vector(
        "the block table and the trailer of a large blob", {"salt": SALT, "trailer_offset": 16320}, data, decode
    )


def _footer_sections() -> Vector:
    extents = [tables.Extent(0, 600, 8192, 12992), tables.Extent(600, 1, 20000, 20008)]
    data = tables.Extent.encode(extents) + tables.encode_ordinals([3, 0, 2, 1])

    def decode(data: bytes) -> Fields:
        for extent in tables.Extent.decode(data[:64]):
            yield "extent", extent
        width = data[64]
        yield "width", width
        yield "ordinals", [int.from_bytes(data[at : at + width], "little") for at in range(72, len(data), width)]

    return Vector(
        "the sections 7 (fingerprint extents) and 8 (ordinals) of a footer, 64 and 16 bytes", {}, data, decode
    )


def _table() -> Vector:
    extents = [TableExtent(600, 8192, 2801), TableExtent(1, 20000, 21)]
    fingerprints = [7 << 33, 1 << 63, (1 << 63) + 5, 3 << 31, 1 << 63, 0xFFFFFFFFFFFFFFFF]
    data = TableExtent.encode(extents) + encode_table(fingerprints)

    def decode(data: bytes) -> Fields:
        for extent in TableExtent.decode(data[:48]):
            yield "extent", extent
        bytes_of_table = memoryview(data)[48:]
        pages = Pages(bytes_of_table, memoryview(page_checksums(SALT, 0, bytes_of_table)), 0, SALT)
        table = FingerprintTable(pages)
        yield "fingerprints", [one >> 31 for one in table.by_ordinal()]
        yield "ordinals", list(table.find(0, (1 << 64) - 1))

    title = "sections of packed fingerprints: the extents in a footer, 48 bytes, and a table; the first 33 bits of each"
    return Vector(title, {}, data, decode)


def _trailer() -> Vector:
    value = Trailer(8000, 300, 7904, SEGMENT, 299, 5)
    names = "block length last_commit segment blobs block_checksum"

    def decode(data: bytes) -> Fields:
        return named(Trailer.decode(data, 16320, HEADER), names)

    given = {"salt": SALT, "segment": SEGMENT, "offset": 16320}
    return Vector("the trailer of a sealed segment", given, value.encode(SALT, 16320), decode)


def _manifest() -> Vector:
    found = {type(record): record for record in reversed(_all_records())}
    value = Manifest(
        42,
        0x1122334455667788,
        302,
        5,
        5,
        2,
        3,
        6,
        (SealedSegment(1, ROWS, 64 << 20, 0, 300, 299, 65537, 1, 41, 1 << 30),),
        (
            CollectionEntry(3, "Ereignisse ü", TIME, 65537, 2, 1, b"\x00\xff\x07"),
            CollectionEntry(4, "", -1, 0, 0, 0, b""),
        ),
        (found[records.DictionaryAdded],),  # type: ignore[arg-type]
        (found[records.FileNamed],),  # type: ignore[arg-type]
        (found[records.Ingested],),  # type: ignore[arg-type]
        Ids([(0, 1), (5, 8)]),
        Ids([(1, 2)]),
        (found[records.LargeBlob],),  # type: ignore[arg-type]
    )

    def decode(data: bytes) -> Fields:
        found = Manifest.decode(data, 6, UUID)
        yield "last_commit", [found.last_commit, found.last_seal]
        yield "next", [
            found.next_blob, found.active, found.next_collection, found.next_file, found.next_dictionary, found.next_segment,
        ]  # fmt: skip
        for name, entries in [
            ("segment", found.segments), ("collection", found.collections), ("dictionary", found.dictionaries),
            ("file", found.files), ("ingest", found.ingests),
        ]:  # fmt: skip
            for entry in entries:
                yield name, list(entry)
        yield "pinned", found.pinned
        yield "deleted", found.deleted
        for large in found.large:
            yield "large_blob", list(large)

    return Vector("a manifest", {"number": 6}, value.encode(6, UUID, SALT), decode)


def _run() -> Vector:
    names = "number salt entries first_segment last_segment segments base fingerprint_bits bucket_bits size"
    value = RunHead(3, SALT, 1_000_001, 1, 12, 12, 1000, 29, 10, 4_500_000)
    return Vector("the header of a store-wide run", {}, value.encode(), lambda data: named(RunHead.decode(data), names))


def _bucket() -> Vector:
    shape = {"remainder_bits": 12, "value_bits": 4}
    value = [(5, 9), (5, 12), (700, 1), (701, 0), (1030, 15), (4095, 2)]

    def decode(data: Any) -> Fields:
        for entry in decode_bucket(data, **shape):
            yield "entry", list(entry)

    return Vector("a bucket of a store-wide run", shape, encode_bucket(value, **shape), decode)


def _difference() -> Vector:
    base = bytes(range(100))
    body = b"\1" + base[:40] + b"new" + base[50:] + b"end"

    def decode(data: Any) -> Fields:
        found = BodyDifference.decode(data)
        assert found is not None
        yield "base", found.base
        yield "length", found.length
        yield "body", found.apply(base)

    return Vector(
        "a body of a manifest as the difference from the bytes 0 to 99", {}, encode_difference(7, base, body), decode
    )


def _part_list() -> Vector:
    entries = [
        columns.PartEntry(3, 1, 1500, 1 << 63, 4096, 300),
        columns.PartEntry(300, 65_537, 1 << 33, 5, 4396, 128),
    ]
    value = columns.PartList(entries, Ids([(41, 42), (300, 303)]))

    def decode(data: bytes) -> Fields:
        found = columns.PartList.decode(data)
        for part in found.parts:
            yield "part", list(part)
        yield "long", found.long

    return Vector("the list of parts, section 10", {}, value.encode(), decode)


_SPELLERS = bytes.fromhex("01 04 01 05 00 09 01 00 01 5A 04 02 01")
_SHAPES = bytes.fromhex(
    "01 02 05 04 22 05 04 22 3D 1C 7B 22 69 64 22 3A 20 01 24 2C 22 74 61 67 73 22 3A 5B 02 01 01 2C 20 5D 2C 22 61 74 "
    "22 3A 22 09 18 22 2C 22 78 22 3A 0D 40 2C 22 69 64 22 3A 6E 75 6C 6C 2C 22 69 64 22 3A 03 04 7D"
)
"""Those of the example in the section on shapes."""


def _part_table() -> Vector:
    leaves = [
        ("id", 2, 1, ()), ("tags.list.item", 4, 3, (2,)), ("at", 2, 1, ()), ("x", 3, 1, ()), ("_seq", 2, 0, ()), ("_file", 4, 1, ()),
        ("_line", 2, 1, ()), ("_ingested_at", 2, 0, ()), ("_shape", 1, 1, ()), ("_fix", 4, 1, ()), ("_raw", 4, 1, ()),
    ]  # fmt: skip
    dictionary = columns.Page(4, 40, 14, 26, 3, 0, 0, 7)
    data = [columns.Page(44, 50, 20, 70, 9, 0, 1, 1 << 63), columns.Page(94, 45, 20, 60, 4, 2, 1, 9)]
    chunks = [[columns.Chunk(dictionary, data), columns.Chunk(None, [columns.Page(139, 30, 19, 12, 1, 3, 2, 3)])]]
    for number in range(1, len(leaves)):
        pages = [columns.Page(200 * number + 50 * at, 50, 19, 40, 3 - 2 * at, 3 * at, 0, number) for at in range(2)]
        chunks.append([columns.Chunk(None, [page]) for page in pages])
    value = columns.Table(
        Ids([(40, 42), (300, 302)]),
        [columns.ListEntry(1, 1)],
        _SPELLERS,
        _SHAPES,
        4,
        [columns.LeafEntry(*leaf) for leaf in leaves],
        [0, 3],
        chunks,
    )
    # As a table whose compression does not make it smaller: the bytes do not depend on the version of zstd.
    stored = columns.stored_table(value.encode(), lambda raw: raw, SALT, 4096)

    def decode(data: bytes) -> Fields:
        raw_length, raw = columns.raw_table(data, SALT, 4096)
        assert raw_length == len(raw)
        found = columns.Table.decode(raw)
        yield "ids", found.ids
        for one in found.lists:
            yield "list", list(one)
        yield "spellers", found.spellers
        yield "shapes", found.shapes
        yield "rows", found.rows
        for leaf in found.leaves:
            yield "leaf", list(leaf)
        yield "groups", found.groups
        for number, own in enumerate(found.chunks):
            for group, chunk in enumerate(own):
                if chunk.dictionary is not None:
                    yield "dictionary", [number, group, *chunk.dictionary]
                for page in chunk.pages:
                    yield "page", [number, group, *page]

    return Vector("the table of a part", {"salt": SALT, "offset": 4096}, stored, decode)


def vectors() -> dict[str, Vector]:
    """All of them, by the names of their files."""
    return {
        "format-file": _format(),
        "lock": _lock(),
        "segment-header": _header(),
        "frame": _frame(),
        "row-batch": _row_batch(),
        "index-block": _index_block(),
        "commit": _commit(),
        "catalogue-records": _records(),
        "large-blob": _large(),
        "footer-sections": _footer_sections(),
        "footer-trailer": _trailer(),
        "fingerprint-table": _table(),
        "manifest": _manifest(),
        "manifest-difference": _difference(),
        "run-header": _run(),
        "run-bucket": _bucket(),
        "part-list": _part_list(),
        "part-table": _part_table(),
    }


def text(vector: Vector) -> str:
    """The contents of the vector's file."""
    lines = [f"# {vector.title}", *(f"given {name} {value}" for name, value in vector.given.items())]
    lines += [f"{name} {shown(value)}" for name, value in vector.decode(vector.data)]
    whole = vector.data.hex()
    lines += ["hex", *(whole[at : at + 96] for at in range(0, len(whole), 96))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the files."""
    for name, vector in vectors().items():
        (DIRECTORY / f"{name}.txt").write_text(text(vector))


if __name__ == "__main__":
    main()

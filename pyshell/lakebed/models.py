"""Reports and descriptions that a store returns: frozen pydantic models that display as tables in a notebook.

Sizes are in bytes, times are `datetime` in UTC, durations are in seconds. `model_dump_json()` and
`model_dump(mode="json")` give plain JSON, with hashes as hex text. Lists of models are tuples (`Listing`) that display
as one table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from lakebed import _html
from lakebed._packages import required
from lakebed._types import Hash

with required():
    from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, computed_field, model_validator

__all__ = [
    "AppendReport",
    "BadLine",
    "CollectionInfo",
    "Column",
    "CommitInfo",
    "CompactReport",
    "DictionaryInfo",
    "ExportReport",
    "IngestReport",
    "Listing",
    "Schema",
    "SegmentInfo",
    "Settings",
    "Stats",
    "TrainReport",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(value: object) -> object:
    # The engine gives times in microseconds since 1970 UTC; pydantic would read such a number as seconds.
    if not isinstance(value, int):
        return value
    # A clock that was set outside the years 1 to 9999 gives the nearest time that Python has.
    return _EPOCH + timedelta(microseconds=max(-62_135_596_800_000_000, min(value, 253_402_300_799_999_999)))


def _hash(value: object) -> object:
    return Hash(value) if isinstance(value, bytes | str) else value


Time = Annotated[datetime, BeforeValidator(_time)]
HashField = Annotated[Hash, BeforeValidator(_hash), PlainSerializer(str, return_type=str)]


class Model(BaseModel):
    """The base of all models: frozen, without unknown fields, displayed as a table."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _without_computed(cls, values: object) -> object:
        # A dump contains the computed fields too; dropping them here lets it be read back.
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name not in cls.model_computed_fields}

    def shown(self) -> dict[str, object]:
        """All fields, computed ones included, by name."""
        names = [*type(self).model_fields, *type(self).model_computed_fields]
        return {name: getattr(self, name) for name in names}

    def _repr_html_(self) -> str:
        return _html.fields(type(self).__name__, self.shown())


M = TypeVar("M", bound=Model)


class Listing(tuple[M, ...]):
    """A tuple of models that displays as one table in a notebook."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return _html.rows([item.shown() for item in self])


class Settings(Model):
    """The settings a store was opened with."""

    path: str
    """The directory, as it was given to `open`."""
    mode: Literal["r", "a"]
    """`"r"`: reading only; `"a"`: reading and writing."""
    lock_timeout: float
    """Seconds that a change waits while another process writes."""
    cache_bytes: int
    """Memory for decoded frames, in bytes."""
    segment_bytes: int
    """The size, in bytes, at which the active segment is sealed."""
    page_bytes: int
    """Raw bytes of a frame: what is compressed together."""
    level: int
    """The zstd level of new frames."""
    threads: int
    """Threads for compression and scans."""


class AppendReport(Model):
    """What `Store.append` did."""

    collection: str
    rows: int
    """Rows added."""
    new_blobs: int
    """Blobs that the store did not have."""
    duplicates: int
    """Rows whose bytes the store already had."""
    first_seq: int | None
    """The sequence number of the first row added; None when there was none."""
    bytes: int
    """Bytes of the records."""


class BadLine(Model):
    """A line that was not accepted as a record."""

    line: int
    """Its number in the file, from 1."""
    column: int
    """The byte of the line that is wrong, from 1."""
    reason: str
    """Why it was not accepted."""


class TrainReport(Model):
    """What `Store.train` did."""

    collection: str
    installed: bool
    """Whether the dictionary saved enough to be installed."""
    number: int | None
    """Its number in the store, if it was installed."""
    generation: int
    """Its generation in the collection, from 1."""
    hash: HashField
    size: int
    sample_bytes: int
    """Bytes it was trained on."""
    held_out_before: int
    """Compressed bytes of a held-out sample, without the new dictionary."""
    held_out_after: int
    """Compressed bytes of the same sample with it."""
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def gain(self) -> float:
        """The share of the held-out sample's bytes that it saves, from 0 to 1."""
        return 1 - self.held_out_after / self.held_out_before if self.held_out_before else 0.0


class IngestReport(Model):
    """What `Store.ingest` did. Of several files: the sum, with the report of each in `files`."""

    collection: str
    file: str
    """The name stored with the rows."""
    skipped: bool
    """The file was ingested in full before; nothing was done."""
    same_as: str | None = None
    """The name under which all of it was ingested before, if it was skipped."""
    resumed_after_line: int | None
    """The last line that was ingested before, if the ingest went on from there."""
    resumed_from: str | None = None
    """The name under which the lines up to there were ingested."""
    unfinished_bytes: int = 0
    """Bytes of a half-written last line, which is left for the next ingest."""
    minified: int = 0
    """Values stored without the blanks between their parts, because they went over several lines."""
    replaced: int = 0
    """Records in which NaN or an infinity was replaced."""
    rotations: int = 0
    """How often the followed file was renamed, replaced or cut."""
    dry_run: bool = False
    """Nothing was written: the report says what would be done."""
    lines: int
    """Lines read, blank ones included."""
    rows: int
    """Rows added."""
    new_blobs: int
    """Blobs that the store did not have."""
    duplicates: int
    """Rows whose bytes the store already had."""
    bad_lines: int
    """Lines that were not accepted as records."""
    first_bad: tuple[BadLine, ...]
    """The first 20 of them."""
    quarantine: str | None
    """The collection that holds them."""
    bytes_in: int
    """Bytes read, decompressed."""
    bytes_stored: int
    """Bytes by which the segments grew."""
    trained: TrainReport | None
    """The dictionary that was trained for it."""
    seconds: float
    commit: int
    """The number of its last commit."""
    misfits: int = 0
    """Values of the rows added that the declared types of the collection cannot hold: NULL in their columns."""
    notes: tuple[str, ...] = ()
    """What a reader of the collection should know, such as that its records have too many keys for columns."""
    files: tuple[IngestReport, ...] = ()
    """The report of each file, if there were several."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """Bytes read for each byte stored."""
        return self.bytes_in / self.bytes_stored if self.bytes_stored else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mb_per_second(self) -> float:
        """Megabytes (10^6 bytes) read per second."""
        return self.bytes_in / 1e6 / self.seconds if self.seconds else 0.0


class ExportReport(Model):
    """What `Store.export` did."""

    collection: str
    rows: int
    bytes: int
    """Bytes written, line breaks included."""
    seconds: float


class CollectionInfo(Model):
    """A collection."""

    id: int
    """Its number. A collection that is dropped and created again has a new one."""
    name: str
    created: Time
    rows: int
    """Its rows, without trimmed and deleted ones."""
    deleted_rows: int
    """Rows removed because their blob was deleted."""
    first_seq: int
    """The first sequence number that is not trimmed."""
    next_seq: int
    """The sequence number of the next row."""
    dictionary: int | None
    """The number of the dictionary that new rows are compressed with."""


class Column(Model):
    """A typed column of a collection, as SQL and Arrow show it."""

    name: str
    type: str
    """The type, as SQL writes it."""
    values: int
    """Rows in which it has a value."""
    nulls: int
    """Rows in which it is the JSON null."""
    missing: int
    """Rows without the key."""
    notes: tuple[str, ...] = ()
    """Why the type is JSON, what the column was renamed from, what the type does not show."""
    declared: bool = False
    """Whether its type, or that of something inside it, was declared (`Store.declare`)."""
    misfits: int = 0
    """Values that a declared type cannot hold: they are NULL here, and in `_json`."""
    system: bool = False
    """Whether it is a system column (`_seq`, `_hash`, ...), which describes the row."""


class Schema(Model):
    """The typed columns of a collection, inferred over all its rows or declared: `schema["name"]` is one of them."""

    collection: str
    rows: int
    """Its rows, without trimmed and deleted ones."""
    columns: tuple[Column, ...]
    layout: Literal["columns", "rows", "auto"] = "auto"
    """How its records are stored (`Store.declare`)."""

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def _repr_html_(self) -> str:
        return _html.rows([column.shown() for column in self.columns])


class SegmentInfo(Model):
    """A segment: a file of compressed blobs and rows."""

    number: int
    state: Literal["active", "sealed"]
    layout: str
    file_bytes: int
    """The size of its file."""
    raw_bytes: int
    """Bytes of its blobs."""
    first_id: int
    """The first blob id of its range."""
    end_id: int
    """The first blob id after its range."""
    blobs: int
    rows: int
    first_commit: int
    last_commit: int


class DictionaryInfo(Model):
    """A compression dictionary."""

    number: int
    collection: str | None
    """The collection it was trained on; None if that was dropped."""
    collection_id: int
    generation: int
    """Its generation in the collection, from 1."""
    hash: HashField
    size: int
    blob: int
    """The id of the blob that holds it."""


class CommitInfo(Model):
    """A commit."""

    number: int
    time: Time
    segment: int
    offset: int
    """The offset of its end in the segment."""
    blobs: int
    """Blobs it added."""
    rows: int
    """Rows it added."""


class Stats(Model):
    """Sizes, counts and cache statistics of a store."""

    path: str
    uuid: str
    created: Time
    commit: int
    """The commit that the store object shows."""
    collections: int
    rows: int
    blobs: int
    """Live blobs, dictionaries not counted."""
    dictionaries: int
    segments: int
    raw_bytes: int
    """Bytes of all blobs."""
    disk_bytes: int
    """Bytes of everything on disk."""
    segment_bytes: int
    """Of these, segments."""
    index_bytes: int
    """Of these, derived indexes."""
    other_bytes: int
    """Of these, everything else."""
    held_bytes: int
    """Of these, segments that a compaction replaced and that snapshots or readers of older commits still hold."""
    pending_blobs: int
    pending_rows: int
    """Blobs and rows not committed yet."""
    cache_bytes: int
    """Memory held by decoded frames, in bytes."""
    cache_capacity: int
    """The limit of `cache_bytes`."""
    cache_hits: int
    cache_misses: int
    """Reads served from decoded frames, and reads that had to decode one."""
    oldest_snapshot: int
    """The oldest commit that a snapshot or a reader still holds."""
    backend: Literal["rust", "python"]
    """Which implementation of the store runs; see `lakebed.backend`."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """Raw bytes for each byte on disk."""
        return self.raw_bytes / self.disk_bytes if self.disk_bytes else 0.0


class CompactReport(Model):
    """What `Store.compact` did, or would do."""

    dry_run: bool
    """Whether nothing was done: the numbers of "after" are estimates then."""
    segments_before: int
    segments_after: int
    bytes_before: int
    bytes_after: int
    """Bytes of the segments after, without `held_bytes`."""
    rewritten_segments: int
    """Segments that others took the place of."""
    skipped_segments: int
    """Segments that there was no room to write again, or that are damaged; a warning says why."""
    removed_blobs: int
    """Blobs that nothing held and that are gone from the files."""
    stays_rows: tuple[str, ...]
    """Why records stay rows that were to become columns: sentences."""
    held_bytes: int
    """Bytes of replaced segments that stay until snapshots and readers of older commits end."""
    aside_bytes: int
    """Bytes in the directory `aside`: copies of what an interrupted writer left, which compaction does not touch."""
    read_bytes: int
    """Bytes of rewritten segments."""
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def freed_bytes(self) -> int:
        """By how much the segments became smaller."""
        return self.bytes_before - self.bytes_after


# Classes print as lakebed.X.
for _name in __all__:
    globals()[_name].__module__ = "lakebed"

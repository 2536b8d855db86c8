"""Reports and descriptions that the store gives back: frozen pydantic models that display as tables in a notebook.

Sizes are bytes, times are `datetime` in UTC, durations are seconds. `model_dump_json()` and `model_dump(mode="json")` give plain
JSON, with hashes as hex text. Lists of them are tuples (`Listing`) that display as one table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from lakebed import _html
from lakebed._backend import Hash
from lakebed._packages import required

with required():
    from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, computed_field, model_validator

__all__ = [
    "AppendReport",
    "BadLine",
    "CollectionInfo",
    "Column",
    "CommitInfo",
    "DictionaryInfo",
    "ExportReport",
    "IngestReport",
    "Listing",
    "Problem",
    "Schema",
    "SegmentInfo",
    "Settings",
    "Stats",
    "TrainReport",
    "VerifyReport",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(value: object) -> object:
    # The engine tells times as microseconds since 1970 UTC; pydantic would take such a number for seconds.
    return _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value


def _hash(value: object) -> object:
    return Hash(value) if isinstance(value, bytes | str) else value


Time = Annotated[datetime, BeforeValidator(_time)]
HashField = Annotated[Hash, BeforeValidator(_hash), PlainSerializer(str, return_type=str)]


class Model(BaseModel):
    """What all reports share."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _computed_is_computed(cls, values: object) -> object:
        # A dump has the computed fields too: it reads back.
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
    """How a store was opened."""

    path: str
    """Where the store is."""
    mode: Literal["r", "a"]
    """Reading only, or appending too."""
    lock_timeout: float
    """Seconds that a change waits for another writer."""
    cache_bytes: int
    """Memory for decoded frames."""
    segment_bytes: int
    """The active segment is sealed when it reaches this size."""
    page_bytes: int
    """Raw bytes that are compressed together."""
    level: int
    """zstd level of what is written."""
    threads: int
    """Threads for compression and scans."""


class AppendReport(Model):
    """What `Store.append` did."""

    collection: str
    rows: int
    """Rows added."""
    new_blobs: int
    """Blobs that were not there before."""
    duplicates: int
    """Rows whose bytes were there before."""
    first_seq: int | None
    """Sequence number of the first row added."""
    bytes: int
    """Bytes of the records."""


class BadLine(Model):
    """A line that is no acceptable record."""

    line: int
    """Its number, from 1."""
    column: int
    """The byte the reason points at, from 1."""
    reason: str


class TrainReport(Model):
    """What `Store.train` did."""

    collection: str
    installed: bool
    """Whether the dictionary gained enough to be installed."""
    number: int | None
    """Its number in the store, when installed."""
    generation: int
    """Its generation in the collection, from 1."""
    hash: HashField
    size: int
    sample_bytes: int
    """Bytes it was trained on."""
    held_out_before: int
    """Stored bytes of a held-out sample before."""
    held_out_after: int
    """Stored bytes of the same sample with it."""
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def gain(self) -> float:
        """How much smaller the held-out sample became, from 0 to 1."""
        return 1 - self.held_out_after / self.held_out_before if self.held_out_before else 0.0


class IngestReport(Model):
    """What `Store.ingest` did: with several files, their sum, and each in `files`."""

    collection: str
    file: str
    """The name kept with the rows."""
    skipped: bool
    """It was ingested in full before; nothing was done."""
    resumed_after_line: int | None
    """The line after which an earlier ingest was resumed."""
    lines: int
    """Lines read, blank ones included."""
    rows: int
    """Rows added."""
    new_blobs: int
    """Blobs that were not there before."""
    duplicates: int
    """Rows whose bytes were there before."""
    bad_lines: int
    """Lines that are no acceptable records."""
    first_bad: tuple[BadLine, ...]
    """The first of them."""
    quarantine: str | None
    """The collection that took them."""
    bytes_in: int
    """Bytes read, decompressed."""
    bytes_stored: int
    """Bytes by which the store grew."""
    trained: TrainReport | None
    """The dictionary that was trained for it."""
    seconds: float
    commit: int
    """The last commit it made."""
    files: tuple[IngestReport, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """Bytes in for each byte stored."""
        return self.bytes_in / self.bytes_stored if self.bytes_stored else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mb_per_second(self) -> float:
        """Millions of bytes in, a second."""
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
    """Its number; a collection made again under the same name has a new one."""
    name: str
    created: Time
    rows: int
    """Rows there are: neither trimmed nor deleted."""
    deleted_rows: int
    """Rows that went with their blobs."""
    first_seq: int
    """The first sequence number that was not trimmed."""
    next_seq: int
    """The sequence number that the next row gets."""
    dictionary: int | None
    """The dictionary that new rows are compressed with."""


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
    """Rows that lack the key."""
    notes: tuple[str, ...] = ()
    """Why it is JSON, what it was renamed from, what the type does not show."""
    system: bool = False
    """It is about the row, not from the record."""


class Schema(Model):
    """The typed columns of a collection, inferred over all its rows: `schema["name"]` is one of them."""

    collection: str
    rows: int
    """Rows it was inferred from, deleted ones included."""
    columns: tuple[Column, ...]

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
    """Its size as a file."""
    raw_bytes: int
    """Bytes of its blobs."""
    first_id: int
    """The first blob id that may be in it."""
    end_id: int
    """The first blob id after it."""
    blobs: int
    rows: int
    first_commit: int
    last_commit: int


class DictionaryInfo(Model):
    """A compression dictionary."""

    number: int
    collection: str | None
    """The collection it was trained on, unless that was dropped."""
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
    """Where it ends in the segment."""
    blobs: int
    """Blobs it added."""
    rows: int
    """Rows it added."""


class Stats(Model):
    """The store in numbers."""

    path: str
    uuid: str
    created: Time
    commit: int
    """The commit this object sees."""
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
    pending_blobs: int
    """Blobs not committed yet."""
    pending_rows: int
    """Rows not committed yet."""
    cache_bytes: int
    """Memory held by decoded frames."""
    cache_capacity: int
    """The most it may hold."""
    cache_hits: int
    """Reads answered from decoded frames."""
    cache_misses: int
    """Reads that had to decode one."""
    oldest_snapshot: int
    """The oldest commit that something still holds."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """Bytes of blobs for each byte on disk."""
        return self.raw_bytes / self.disk_bytes if self.disk_bytes else 0.0


class Problem(Model):
    """Something wrong in a store."""

    segment: int | None
    offset: int | None
    message: str


class VerifyReport(Model):
    """What `Store.verify` read, and what is wrong."""

    segments: int
    commits: int
    frames: int
    blobs: int
    rows: int
    bytes: int
    """Bytes read."""
    problems: tuple[Problem, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether the store is whole."""
        return not self.problems

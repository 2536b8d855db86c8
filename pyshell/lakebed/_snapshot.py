"""Reading: what `Store` and `Snapshot` have in common (blobs by hash, rows, descriptions of the store), and
`Snapshot`."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lakebed._types import Hash
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed import _collection_files, models
    from lakebed._backend import ArrowStream, ReadEngine, SnapshotEngine
    from lakebed._types import Buffer, HashLike, Rows


def number(value: int, what: str) -> int:
    """`value` as a number from 0 to 2^63 - 1, which every backend accepts; narrower limits are the backend's.

    `what` names it in the error. Raises `InvalidArgument`; `TypeError` when it is not an integer.
    """
    value = operator.index(value)
    if not 0 <= value < 2**63:
        raise InvalidArgument(f"{what} is from 0 to 2^63 - 1, not {value}.")
    return value


def _range(start: int, stop: int | None) -> tuple[int, int | None]:
    return number(start, "A sequence number"), None if stop is None else number(stop, "A sequence number")


class Readable:
    """Reading blobs, rows and descriptions of the store; the base of `Store` and `Snapshot`."""

    def __init__(self, engine: ReadEngine) -> None:
        self._reader = engine
        # A cached `get` takes about a microsecond; a Python function in front of it costs another 10 %. The instance
        # therefore holds the engine's own method, unless a subclass overrides it.
        if type(self).get is Readable.get:
            self.__dict__["get"] = engine.get

    def get(self, hash: HashLike, /) -> bytes:
        """The bytes of a blob, verified against its hash.

        `hash` is a `lakebed.Hash`, 32 bytes, 64 hex characters, or a prefix of these that no other blob's hash has.
        Raises `BlobNotFound`, `AmbiguousPrefix`, `InvalidArgument` (not a hash), `Corrupt`, `Closed`.
        """
        return self._reader.get(hash)

    def get_many(self, hashes: Iterable[HashLike]) -> list[bytes | None]:
        """The bytes of several blobs, in the order of `hashes`; None where the store has no such blob. Faster than
        single calls of `get`.

        Raises `InvalidArgument`, `AmbiguousPrefix`, `Corrupt`; `TypeError` for a single hash.
        """
        if isinstance(hashes, str | bytes | Hash):
            raise TypeError("get_many takes several hashes; one alone is for get")
        return self._reader.get_many(hashes)

    def buffer(self, hash: HashLike) -> Buffer:
        """The bytes of a blob through the buffer protocol, read-only: `memoryview(store.buffer(h))`.

        A blob that is stored uncompressed in a sealed segment (an image, an archive) is not copied: the buffer shows
        the mapped file. The buffer stays valid after `close`. Raises like `get`.
        """
        return self._reader.buffer(hash)

    def resolve(self, hash: HashLike) -> Hash:
        """The complete hash of the one blob whose hash is `hash` or begins with it.

        Raises `BlobNotFound`, `AmbiguousPrefix`, `InvalidArgument`.
        """
        return self._reader.resolve(hash)

    def __contains__(self, hash: HashLike) -> bool:
        return self._reader.contains(hash)

    def __len__(self) -> int:
        return len(self._reader)

    def __bool__(self) -> bool:
        # Without this an empty store would be false, like an empty container.
        return True

    def scan(self, collection: str, start: int = 0, stop: int | None = None) -> Rows:
        """The rows of a collection in order: those with sequence numbers from `start` up to and without `stop` (None:
        to the end).

        Raises `CollectionNotFound`, `InvalidArgument`.
        """
        return self._reader.rows(collection, *_range(start, stop))

    def _snapshot_engine(self) -> SnapshotEngine:
        """The backend's snapshot that schemas and Arrow streams are read from: one commit, with the pending changes."""
        raise NotImplementedError

    def schema(self, collection: str) -> models.Schema:
        """The columns of a collection as SQL and Arrow show them, system columns last: types inferred over all its
        rows, or declared.

        Counts are of the rows there are. Where rows were trimmed or deleted since the types were inferred, and where
        types are declared, this reads all rows. Raises `CollectionNotFound`, `Interrupted`.
        """
        from lakebed import models

        return models.Schema(**self._snapshot_engine().schema(collection, True))

    def schema_digest(self, collection: str) -> int:
        """A number that stays the same while the columns of a collection do. Raises `CollectionNotFound`."""
        return self._snapshot_engine().schema_digest(collection)

    def column_types(self, collection: str) -> dict[str, str]:
        """The SQL types of the columns of a collection by name, system columns last, without reading rows.

        Raises `CollectionNotFound`.
        """
        found = self._snapshot_engine().schema(collection, False)["columns"]
        return {column["name"]: column["type"] for column in found}

    def arrow(
        self,
        collection: str,
        columns: Sequence[str] | None = None,
        *,
        filters: Sequence[tuple[str, str, object]] = (),
        start: int = 0,
        stop: int | None = None,
        signs_of_life: bool = False,
        views: bool = False,
        without: Sequence[int] = (),
    ) -> ArrowStream:
        """Typed rows of a collection, as an object with `__arrow_c_stream__` that pyarrow, Polars, pandas and DuckDB
        read.

        - `columns`: names of typed and system columns, in the order of the result; None means all. A field inside
          objects is a column of its own by its path: `"commit.collection"`.
        - `filters`: `(column, operator, constant)`, joined by AND; operators are `=`, `!=`, `<`, `<=`, `>`, `>=`, `in`
          (a list), `is_null` and `is_not_null`. Dates are compared as days, timestamps as microseconds since 1970
          (UTC).
        - `start`, `stop`: only rows with sequence numbers from `start` up to and without `stop`.
        - `signs_of_life`: emit a row in which every column is NULL whenever no row has passed the filters for 0.1 s, so
          that a reader that checks for cancellation between rows gets to check.
        - `views`: `_json` as Arrow string views into the decoded frames, without a copy. Polars, DuckDB and pyarrow 16
          or newer read them, though some functions of pyarrow do not.
        - `without`: numbers of segments; rows that are in their Parquet files (`files`) are left out.

        The stream shows the collection as of this call, whenever and however often it is read.
        Raises `CollectionNotFound`; `InvalidArgument` for an unknown column.
        """
        wanted = None if columns is None else list(columns)
        tests = [tuple(item) for item in filters]
        return self._snapshot_engine().arrow(
            collection, wanted, tests, *_range(start, stop), signs_of_life, views, list(without)
        )

    def files(self, collection: str) -> _collection_files.CollectionFiles:
        """The Parquet files of a collection, which other programs can read in place, and how many rows are in none.

        `compact(collection, layout="columns")` before puts as many rows into files as can be; rows of records that
        share no shapes, that repeat a record, or that are few stay where they are, and `scan` and `arrow` have them.
        The files exist as long as the snapshot that this is called on, and no longer than the next compaction without
        one. Raises `CollectionNotFound`, `Corrupt`.
        """
        from lakebed import _collection_files

        engine = self._snapshot_engine()
        found = engine.files(collection)
        rows = next(int(info["rows"]) for info in engine.collections() if info["name"] == collection)
        return _collection_files.collection_files(collection, engine.commit_number, rows, found)

    def table(self, name: str, columns: Sequence[str] | None = None) -> ArrowStream:
        """A table about the store itself, as an Arrow stream: `blobs`, `collections`, `segments`, `dictionaries` or
        `commits`.

        `columns` are names of its columns in the order of the result; None means all.

        Raises `InvalidArgument` for an unknown table or column.
        """
        return self._snapshot_engine().system(name, None if columns is None else list(columns))

    def collections(self) -> models.Listing[models.CollectionInfo]:
        """The collections, by name."""
        from lakebed import models

        return models.Listing(models.CollectionInfo(**item) for item in self._reader.collections())

    def segments(self) -> models.Listing[models.SegmentInfo]:
        """The segments, in order."""
        from lakebed import models

        return models.Listing(models.SegmentInfo(**item) for item in self._reader.segments())

    def dictionaries(self) -> models.Listing[models.DictionaryInfo]:
        """The compression dictionaries, in order."""
        from lakebed import models

        return models.Listing(models.DictionaryInfo(**item) for item in self._reader.dictionaries())

    def commits(self) -> models.Listing[models.CommitInfo]:
        """The commits, oldest first."""
        from lakebed import models

        return models.Listing(models.CommitInfo(**item) for item in self._reader.commits())


class Snapshot(Readable):
    """The store as of one commit, with the changes that were pending in the object it was taken from; made by
    `Store.snapshot`.

    It stays readable, and the same, as long as it exists.
    """

    def __init__(self, engine: SnapshotEngine) -> None:
        super().__init__(engine)
        self._engine = engine

    def _snapshot_engine(self) -> SnapshotEngine:
        return self._engine

    @property
    def commit(self) -> int:
        """The number of the commit."""
        return self._engine.commit_number

    def __repr__(self) -> str:
        return f"<lakebed.Snapshot of commit {self.commit}>"


def engine_of(snapshot: Snapshot) -> SnapshotEngine:
    """The backend's snapshot. Its descriptions are plain dictionaries: the models of `Snapshot` need pydantic, which
    takes longer to import than a short query runs."""
    return snapshot._snapshot_engine()  # noqa: SLF001

"""The engine, in Rust. `lakebed._rust` is its only importer; the package's users reach public classes as `lakebed.X`.

Every call that reads or changes a store can raise a class of `lakebed.errors`, by the engine's kind of the error;
`Raises` names those that a caller should expect. All calls release the interpreter while they work. Calls with a
`progress` argument, `append` and `seal` stop on Ctrl-C.
"""

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import IO, Any, Final, Generic, Literal, Self, TypeVar, final

from lakebed._progress import EngineProgress
from lakebed._records import ArrowStreamExportable, Batch
from lakebed._types import Buffer, Hash, HashLike, Row, Rows
from lakebed.prompts.client import Chunk, Pulled

__all__ = [
    "ArrowFile",
    "ArrowStream",
    "Buffer",
    "Hash",
    "JsonLines",
    "OllamaClient",
    "OllamaStream",
    "Row",
    "Rows",
    "SnapshotEngine",
    "StoreEngine",
    "ZstdDecoder",
    "ZstdStream",
    "__version__",
    "collection_name",
    "error_kinds",
    "open",
    "repair_store",
    "restore",
]

__version__: Final[str]
"""The version of the engine, which is the package's."""

_Event = TypeVar("_Event", Chunk, Pulled)

def error_kinds() -> list[str]:
    """The kinds of errors that the engine raises; each is the `kind` of a class in `lakebed.errors`."""

def collection_name(path: str | PathLike[str], /) -> str | None:
    """The collection that a file goes into by default.

    It is the file's name without `.gz` or `.zst`, then without `.ndjson`, `.jsonl` or `.json`, in upper or lower case;
    a suffix that is the whole name stays. Bytes that are not UTF-8 become U+FFFD. None for a path without a file name.
    """

def repair_store(
    path: str | PathLike[str],
    /,
    *,
    dry_run: bool,
    lock_timeout: float,
    command: str,
    progress: EngineProgress | None,
) -> dict[str, Any]:
    """Repair a store, which need not open. Returns a `RepairReport`. Raises `StoreNotFound`, `NotAStore`,
    `StoreLocked`, `FormatTooNew`, `StoreFull`, `StoreIOError`, `Interrupted`."""

@final
class JsonLines:
    """A file object to read from: one JSON object a line for each row of a table, as `append` stores it."""

    def __new__(cls, table: ArrowStreamExportable, json: list[list[int]], /) -> Self: ...
    def read1(self, size: int = ..., /) -> bytes:
        """The lines of the next rows; empty at the end. `size` is not kept to. Raises `BadRecord`."""

def open(
    path: str | PathLike[str],
    /,
    *,
    mode: Literal["r", "a"],
    create: bool,
    lock_timeout: float,
    mmap: bool,
    cache_bytes: int,
    segment_bytes: int,
    page_bytes: int,
    level: int,
    threads: int,
    command: str,
) -> StoreEngine:
    """Open a store. The arguments are those of `lakebed.open`.

    - `lock_timeout`: in seconds.
    - `cache_bytes`, `segment_bytes`, `page_bytes`: in bytes.
    - `threads`: 0 means one for each core.
    - `command`: what processes that wait for the lock are shown as its holder.

    Raises `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`, `StoreIOError`, `InvalidArgument`.
    """

def restore(
    backup: str | PathLike[str], path: str | PathLike[str], progress: EngineProgress | None, /
) -> dict[str, Any]:
    """Make a store in the directory `path` of a backup, or of the newest in the directory `backup`. Returns a
    `RestoreReport`. Raises `InvalidArgument`, `StoreNotFound`, `NotAStore`, `Corrupt`, `Interrupted`."""

@final
class SnapshotEngine:
    """The store as of one commit, behind `lakebed.Snapshot`, whose documentation holds for the methods of the same name
    here.

    Lists of descriptions are dictionaries with the fields of their class in `lakebed.models`.
    """

    @property
    def commit_number(self) -> int:
        """The number of the commit."""

    def get(self, hash: HashLike, /) -> bytes:
        """The bytes of a blob. Raises `BlobNotFound`, `AmbiguousPrefix`, `InvalidArgument`, `Corrupt`."""

    def get_many(self, hashes: Iterable[HashLike], /) -> list[bytes | None]:
        """The bytes of several blobs, in order; None for each that is not there. Raises as `get`, but for
        `BlobNotFound`."""

    def buffer(self, hash: HashLike, /) -> Buffer:
        """The bytes of a blob without a copy where that is possible. Raises as `get`."""

    def contains(self, hash: HashLike, /) -> bool:
        """Whether the blob is there. Raises `AmbiguousPrefix`, `InvalidArgument`."""

    def resolve(self, hash: HashLike, /) -> Hash:
        """The hash that a prefix is the beginning of. Raises as `get`."""

    def __len__(self) -> int:
        """The number of blobs."""

    def rows(self, collection: str, start: int, stop: int | None, /) -> Rows:
        """The rows with sequence numbers from `start` to below `stop`; None means to the end. Raises
        `CollectionNotFound`."""

    def collections(self) -> list[dict[str, Any]]:
        """Descriptions of the collections, as `CollectionInfo`."""

    def segments(self) -> list[dict[str, Any]]:
        """Descriptions of the segments, as `SegmentInfo`."""

    def dictionaries(self) -> list[dict[str, Any]]:
        """Descriptions of the dictionaries, as `DictionaryInfo`."""

    def commits(self) -> list[dict[str, Any]]:
        """Descriptions of the commits, as `CommitInfo`."""

    def schema(self, collection: str, counted: bool, /) -> dict[str, Any]:
        """The columns of a collection, as `Schema`; `counted`: with the counts of the rows there are, for which they
        may have to be read. Raises `CollectionNotFound`, `Interrupted`."""

    def schema_digest(self, collection: str, /) -> int:
        """A number that changes when the columns of a collection do. Raises `CollectionNotFound`."""

    def misfits(self, collection: str, start: int, /) -> int:
        """How many values the declared types cannot hold, in rows with sequence numbers from `start` on. Raises
        `CollectionNotFound`, `Interrupted`."""

    def files(self, collection: str, /) -> list[dict[str, Any]]:
        """The Parquet files of a collection: the fields of `ParquetFile`; `segment`; and `columns`: for each
        typed column how the file has it (`same`, `cast`, `missing`) and under which name, or None when only its records
        have all of them. Raises `CollectionNotFound`, `Corrupt`."""

    def file_segments(self, collection: str, /) -> list[int]:
        """The segments of the Parquet files of a collection. Raises `CollectionNotFound`."""

    def records(self, collection: str, seqs: list[int], /) -> list[bytes | None]:
        """The records of rows by their sequence numbers; None for each that is no row. Raises `CollectionNotFound`,
        `Corrupt`."""

    def record_hashes(self, collection: str, seqs: list[int], /) -> list[str | None]:
        """As `records`, their hashes as hex text."""

    def arrow(
        self,
        collection: str,
        columns: list[str] | None,
        filters: list[tuple[Any, ...]] | None,
        start: int,
        stop: int | None,
        signs_of_life: bool,
        views: bool,
        without: list[int],
        /,
    ) -> ArrowStream:
        """Typed rows of a collection; the arguments are those of `lakebed.Store.arrow`.

        Raises `CollectionNotFound`; `InvalidArgument` for an unknown column, an unknown operator or a constant that
        cannot be compared.
        """

    def system(self, table: str, columns: list[str] | None, /) -> ArrowStream:
        """A system table; None means all its columns. Raises `InvalidArgument` for an unknown table or column."""

@final
class ArrowStream:
    """Typed rows of one snapshot. Each call of `__arrow_c_stream__` begins a new stream over the same snapshot."""

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with an Arrow stream. `requested_schema` is ignored, as the interface allows. Raises `Corrupt`,
        `StoreIOError`."""

    def __arrow_c_schema__(self) -> object:
        """A capsule with the Arrow schema."""

@final
class StoreEngine:
    """An open store, behind `lakebed.Store`, whose documentation holds for the methods of the same name here.

    Reports are dictionaries with the fields of their class in `lakebed.models`. Every method but `close` raises
    `Closed` after `close`; those that change the store also raise `ReadOnly`, `StoreLocked`, `StoreFull`,
    `StoreIOError` and `Poisoned`.
    """

    @property
    def path(self) -> str:
        """The directory, as it was given to `open`."""

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""

    @property
    def commit_number(self) -> int:
        """The number of the last commit that this object sees."""

    def settings(self) -> dict[str, Any]:
        """How the store was opened, as `Settings`."""

    def take_warnings(self) -> list[str]:
        """The warnings since the last call, such as a torn write that was set aside."""

    def close(self) -> None:
        """Commit what is pending and close the store, also when the commit fails. A second call does nothing."""

    def put(self, data: bytes | bytearray | memoryview, /) -> Hash:
        """Store a blob and pin it. Returns its hash. Raises `InvalidArgument` for one that is too large."""

    def get(self, hash: HashLike, /) -> bytes:
        """The bytes of a blob. Raises `BlobNotFound`, `AmbiguousPrefix`, `InvalidArgument`, `Corrupt`."""

    def get_many(self, hashes: Iterable[HashLike], /) -> list[bytes | None]:
        """The bytes of several blobs, in order; None for each that is not there. Raises as `get`, but for
        `BlobNotFound`."""

    def buffer(self, hash: HashLike, /) -> Buffer:
        """The bytes of a blob without a copy where that is possible. Raises as `get`."""

    def contains(self, hash: HashLike, /) -> bool:
        """Whether the blob is there. Raises `AmbiguousPrefix`, `InvalidArgument`."""

    def resolve(self, hash: HashLike, /) -> Hash:
        """The hash that a prefix is the beginning of. Raises as `get`."""

    def delete(self, hash: HashLike, /) -> int:
        """Unpin a blob and remove the rows that hold it. Returns the number of rows. Raises `BlobNotFound`,
        `AmbiguousPrefix`."""

    def __len__(self) -> int:
        """The number of blobs, pending ones included."""

    def commit(self) -> int:
        """Make what is pending durable. Returns the number of the commit."""

    def rollback(self) -> None:
        """Discard what is pending."""

    def refresh(self) -> bool:
        """See what other processes committed. Returns whether there was a newer commit."""

    def snapshot(self) -> SnapshotEngine:
        """The store as this object sees it now, what is pending included."""

    def append(self, collection: str, batches: Iterator[Batch], /) -> dict[str, Any]:
        """Append records to a collection. A batch is a list of `bytes`, or a table with
        `__arrow_c_stream__` and the places of its text that is JSON.

        Returns an `AppendReport`. Raises `BadRecord`.
        """

    def ingest(
        self,
        source: str | PathLike[str] | IO[bytes] | Callable[[], Any],
        /,
        *,
        into: str,
        name: str,
        original: str | None,
        on_error: str,
        nan: str | None,
        again: bool,
        resume: bool,
        follow: bool,
        dry_run: bool,
        train: bool,
        becomes_columns: bool,
        progress: EngineProgress | None,
    ) -> dict[str, Any]:
        """Ingest a file, a file object, or what a function opens; rows of the latter two name `name` as their file. A
        function opens the same bytes each time, made from the file `original`, if there is one. The other arguments are
        those of `lakebed.Store.ingest`.

        Returns an `IngestReport`. Raises `BadRecord`, `SourceChanged`, `StoreIOError`, `InvalidArgument`,
        `Interrupted`.
        """

    def train(self, collection: str, size: int, /) -> dict[str, Any]:
        """Train a dictionary of at most `size` bytes. Returns a `TrainReport`. Raises `CollectionNotFound`,
        `InvalidArgument`."""

    def declare(self, collection: str, changes: list[tuple[str, str | None, list[str]]], create: bool, /) -> None:
        """Declare types: path, type (None: inferred again), and texts that mean NULL. `create` makes the collection,
        and takes columns that no row has yet. Raises `CollectionNotFound`, `InvalidArgument`."""

    def infer(self, collection: str, /) -> None:
        """Infer the types of a collection anew, from the rows there are. Raises `CollectionNotFound`,
        `Interrupted`."""

    def drop(self, collection: str, /) -> int:
        """Drop a collection. Returns the number of its rows. Raises `CollectionNotFound`."""

    def trim(self, collection: str, before_seq: int, /) -> int:
        """Remove the rows with sequence numbers below `before_seq`. Returns their number. Raises
        `CollectionNotFound`."""

    def set_layout(self, collection: str, layout: str, create: bool, /) -> None:
        """Sets how the records of a collection are stored. Raises `CollectionNotFound`, `InvalidArgument`."""

    def apply_layout(self, collection: str, asked: bool, progress: EngineProgress | None, /) -> dict[str, Any]:
        """Stores what was ingested into a collection as its setting says; the fields of `CompactReport`. Raises
        `Interrupted`, `StoreIOError`."""

    def compact(
        self,
        collection: str | None,
        layout: str | None,
        level: int | None,
        dry_run: bool,
        progress: EngineProgress | None,
        /,
    ) -> dict[str, Any]:
        """Give back the space of what nothing holds; change how the records of all collections or of one are stored.
        Returns a `CompactReport`. Raises `InvalidArgument`, `CollectionNotFound`, `Corrupt`, `Interrupted`."""

    def backup(self, dest: str | PathLike[str], keep: int | None, progress: EngineProgress | None, /) -> dict[str, Any]:
        """Add a backup to the series in the directory `dest`. Returns a `BackupReport`. Raises `InvalidArgument`,
        `Corrupt`, `StoreFull`, `StoreIOError`, `Interrupted`."""

    def copy_to(self, other: StoreEngine, collections: list[str], progress: EngineProgress | None, /) -> dict[str, Any]:
        """Add the rows of these collections to another store; of all, and the blobs of `put`, when the list is empty.
        Returns a `CopyReport`. Raises `CollectionNotFound`, `InvalidArgument`, `Corrupt`, `Interrupted`."""

    def seal(self) -> None:
        """Seal the active segment."""

    def collections(self) -> list[dict[str, Any]]:
        """Descriptions of the collections, as `CollectionInfo`."""

    def segments(self) -> list[dict[str, Any]]:
        """Descriptions of the segments, as `SegmentInfo`."""

    def dictionaries(self) -> list[dict[str, Any]]:
        """Descriptions of the dictionaries, as `DictionaryInfo`."""

    def commits(self) -> list[dict[str, Any]]:
        """Descriptions of the commits, as `CommitInfo`."""

    def stats(self) -> dict[str, Any]:
        """Counts and sizes, as `Stats`."""

    def verify(self, quick: bool, since: int, progress: EngineProgress | None, /) -> dict[str, Any]:
        """Read and check the store: structures and samples if `quick`, and nothing of the commits up to `since`.

        Returns a `VerifyReport`, which lists damage. Raises `InvalidArgument`, `Interrupted`.
        """

    def export(
        self, collection: str, target: str | PathLike[str] | IO[bytes], progress: EngineProgress | None, /
    ) -> dict[str, Any]:
        """Write the rows of a collection, each followed by a line break, to a file or a file object.

        Returns an `ExportReport`. Raises `CollectionNotFound`, `StoreFull`, `StoreIOError`, `Interrupted`.
        """

    def rows(self, collection: str, start: int, stop: int | None, /) -> Rows:
        """The rows with sequence numbers from `start` to below `stop`; None means to the end. Raises
        `CollectionNotFound`."""

@final
class ZstdDecoder:
    """Decompresses zstd frames, one after the other."""

    def __new__(cls) -> Self: ...
    def decompress(self, data: bytes, /) -> bytes:
        """Add bytes. Returns what they decompress to: give few at a time. Raises `BadRecord` for damage."""

    @property
    def is_whole(self) -> bool:
        """Whether what was added ends with the end of a frame."""

@final
class ZstdStream:
    """Compresses a stream of bytes into one zstd frame."""

    def __new__(cls, level: int) -> Self: ...
    def compress(self, data: bytes, /) -> bytes:
        """Add bytes. Returns what is ready of the frame, which may be nothing."""

    def finish(self) -> bytes:
        """End the frame. Returns the rest of it."""

@final
class ArrowFile:
    """The bytes of an Arrow file (IPC) with the rows of a table that has `__arrow_c_stream__`, in pieces."""

    def __new__(cls, table: ArrowStreamExportable) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...

@final
class OllamaClient:
    """A client of one Ollama server, behind `lakebed.prompts.client.Client`. Its methods may be called from several
    threads.

    Every call raises a subclass of `lakebed.OllamaError`; `model` is the name in its message.
    """

    def __new__(
        cls,
        url: str,
        /,
        *,
        headers: dict[str, str],
        proxies: bool,
        scope_id: int,
        connect: float,
        first: float,
        stall: float,
        total: float | None,
        line_limit: int,
    ) -> Self:
        """A client of the server at `url`, which does not connect yet.

        - `headers`: of every request.
        - `proxies`: whether the proxies named in the environment are used.
        - `scope_id`: the index of the network interface, for a link-local IPv6 address; else 0.
        - `connect`, `first`, `stall`, `total`: time limits in seconds, of connecting, of the response's head, between
          two pieces of a body, and of a stream as a whole.
        - `line_limit`: largest length of a line of a stream, in bytes.

        Raises `InvalidArgument` for a negative time limit, `OllamaUnreachable` for headers or a URL that HTTP does not
        allow.
        """

    def chat(self, body: bytes, model: str, /) -> OllamaStream[Chunk]:
        """`POST /api/chat`: the chunks of the reply. The request is sent when the first is read."""

    def pull(self, body: bytes, model: str, /) -> OllamaStream[Pulled]:
        """`POST /api/pull`: the progress of the download. The request is sent when the first report is read."""

    def call(self, method: Literal["GET", "POST"], path: str, body: bytes | None, model: str, /) -> bytes:
        """Any other call: the body of its response."""

    def abort(self) -> None:
        """Make every call under way, and every later one, fail; from any thread."""

    def close(self) -> None:
        """As `abort`. Idle connections close with the object."""

@final
class OllamaStream(Generic[_Event]):
    """The events of one response. It ends after the last event, and raises when the response ends before it."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> _Event:
        """The next event. Other threads run while it waits."""

    def close(self) -> None:
        """Close the connection, which stops the model."""

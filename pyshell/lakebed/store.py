"""`open` and `Store`: a store in Python, over whichever backend runs.

A store object may be used from several threads. Calls that read files, compress or wait for a lock release the GIL and
stop on Ctrl-C. There is no asynchronous variant: use `await asyncio.to_thread(store.ingest, ...)`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

from lakebed import _backend, _pending, _progress, _records
from lakebed._closed import ClosedEngine
from lakebed._copies import Copying
from lakebed._ingest import Nan, OnError, ingest
from lakebed._inputs import Source, utf8_name
from lakebed._snapshot import Readable, Snapshot, number
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from lakebed import models
    from lakebed._backend import Layout, SnapshotEngine, StoreEngine
    from lakebed._progress import ProgressLike
    from lakebed._records import Records
    from lakebed._types import Hash, HashLike
    from lakebed._verify_report import VerifyReport

__all__ = ["Store", "open"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def open(
    path: str | os.PathLike[str],
    mode: Literal["r", "a"] = "a",
    lock_timeout: float = 10.0,
    cache_bytes: int = 64 << 20,
    *,
    create: bool = True,
    mmap: bool = True,
    segment_bytes: int = 64 << 20,
    page_bytes: int = 12 << 10,
    level: int = 3,
    threads: int = 0,
) -> Store:
    """Open the store in the directory `path`.

    Mode `"a"` reads and writes, and creates the store if there is none (unless `create=False`). Mode `"r"` never
    writes.

    - `lock_timeout`: seconds that a change waits while another process writes; then it raises `StoreLocked`, which
      names the process.
    - `cache_bytes`: memory for decompressed frames, in bytes.
    - `mmap`: whether files may be mapped. Without, they are read, and take about 12 bytes of memory for each blob of
      the segments that are used. The environment variable `LAKEBED_MMAP=0` forbids it in every call and command.
    - `segment_bytes`: the size, in bytes, at which a segment is sealed and the next one begun; a million blobs also
      seal it.
    - `page_bytes`: raw bytes that are compressed together in one frame; larger frames are smaller on disk and slower to
      get from.
    - `level`: the zstd level of new frames.
    - `threads`: threads for compression and scans; 0 means one for each core.

    Returns a store, which is also a context manager. Raises `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`,
    `StoreIOError`, `InvalidArgument`; `BackendMissing` when the package was installed without its engine.
    """
    path = os.fspath(path)
    if not path:
        raise InvalidArgument("The path of a store is empty: name its directory.")
    engine = _backend.current().open_store(
        path,
        mode=mode,
        create=create,
        lock_timeout=lock_timeout,
        mmap=bool(mmap),
        cache_bytes=number(cache_bytes, "cache_bytes"),
        segment_bytes=number(segment_bytes, "segment_bytes"),
        page_bytes=number(page_bytes, "page_bytes"),
        level=level,
        threads=number(threads, "threads"),
        command=command_line(),
    )
    return Store(engine)


def command_line() -> str:
    """This program's command line, which processes that wait for the lock are shown as its holder."""
    name, *arguments = sys.argv or [""]
    return utf8_name(" ".join([Path(name).name if name not in ("", "-", "-c") else "python", *arguments]))[:200]


class Store(Copying, Readable):
    """An open store, made by `lakebed.open`.

    `put`, `append` and `delete` join one pending group, which this object sees at once. `commit` makes it durable and
    visible to other store objects and processes. As a context manager the store commits and closes at the end; after an
    exception it rolls back and closes.

    Every method raises `Closed` after `close`; methods that change the store raise `ReadOnly` in mode `"r"`,
    `StoreLocked` when another process writes for longer than `lock_timeout`, `StoreFull`, `StoreIOError` and
    `Poisoned`.
    """

    def __init__(self, engine: StoreEngine) -> None:
        super().__init__(engine)
        self._engine = engine
        self._watch = _pending.watch(self, engine)
        # Those of opening it: frames are this one, `open` and the caller's.
        self._show_warnings(stacklevel=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            if not self.closed:
                self.rollback()
        finally:
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"commit {self._engine.commit_number}"
        return f"<lakebed.Store {self.path!r}, {state}>"

    def _repr_html_(self) -> str:
        return repr(self) if self.closed else self.stats()._repr_html_()

    def __reduce__(self) -> Any:
        raise TypeError("A store cannot be pickled; open its path again in the other process.")

    # --- Properties ---

    @property
    def path(self) -> str:
        """The directory, as it was given to `open`."""
        return self._engine.path

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._engine.closed

    @property
    def settings(self) -> models.Settings:
        """The settings it was opened with."""
        from lakebed import models

        return models.Settings(**self._engine.settings())

    # --- Blobs ---

    def put(self, data: bytes | bytearray | memoryview) -> Hash:
        """Store bytes (anything with the buffer protocol) and return their hash.

        `put` pins the blob: it stays until `delete`, whatever happens to rows with the same bytes.
        """
        return self._warning(self._engine.put, data)

    def delete(self, hash: HashLike) -> int:
        """Remove a blob and every row that names it. Returns the number of these rows. Raises `BlobNotFound`,
        `AmbiguousPrefix`."""
        return self._warning(self._engine.delete, hash)

    # --- Commits ---

    def commit(self) -> int:
        """Make pending changes durable and visible to others. Returns the number of the commit that this object then
        shows."""
        return self._warning(self._engine.commit)

    def rollback(self) -> None:
        """Discard pending changes."""
        self._engine.rollback()

    def refresh(self) -> bool:
        """Move this object to the newest commit of the store. Returns whether there was a newer one."""
        return self._warning(self._engine.refresh)

    @property
    def snapshot(self) -> Snapshot:
        """The store as this object shows it now, pending changes included; it stays readable, and the same, as long as
        it exists."""
        return Snapshot(self._engine.snapshot())

    def close(self) -> None:
        """Commit, and close the files. Closing twice has no effect. Buffers stay valid."""
        if self.closed:
            return
        closed = ClosedEngine(self._engine)
        try:
            self._warning(self._engine.close)
        finally:
            if self._engine.closed:
                self._watch.detach()
                self._engine = self._reader = cast("StoreEngine", closed)
                self.__dict__.pop("get", None)

    # --- Rows ---

    def append(self, collection: str, rows: Records) -> models.AppendReport:
        """Append rows to a collection, which is created if it does not exist. They are pending until `commit`.

        `rows` is an iterable of records, one record, or a table:

        - bytes or text: one JSON value, stored as it is;
        - dicts, lists, numbers, bools, None, times, dates, `Decimal`, `UUID`, bytes, NumPy values: written as compact
          UTF-8 JSON in insertion order (`lakebed.to_json`);
        - anything with `__arrow_c_stream__` (a DuckDB relation, a pyarrow table, a Polars or pandas frame): one JSON
          object a row; numbers keep all their digits, JSON its text, times become ISO 8601 text, binary base64, NULL
          and NaN null. Equal column names are an error.

        A list is an iterable of records; to append one record that is a list, wrap it: `[[1, 2]]`.

        Raises `BadRecord` for a record that is not one JSON value; then nothing of this call is kept. Raises
        `TypeError` when `rows` is none of the above.
        """
        from lakebed import models

        return models.AppendReport(**self._warning(self._engine.append, collection, _records.batches(rows)))

    def ingest(
        self,
        source: Source | Iterable[Source],
        into: str | None = None,
        *,
        on_error: OnError = "abort",
        nan: Nan | None = None,
        again: bool = False,
        resume: bool = False,
        recursive: bool = False,
        follow: bool = False,
        dry_run: bool = False,
        train: bool = True,
        types: Mapping[str, str | None] | None = None,
        nulls: Sequence[str] = (),
        layout: Layout | None = None,
        progress: ProgressLike = None,
    ) -> models.IngestReport:
        """Read records into a collection and commit them.

        `source` is a path, a pattern such as `"logs/*.ndjson.gz"`, a directory (with `recursive`), an `http(s)://`
        address, `"-"` for standard input, a file object open in binary mode, or an iterable of these. `into` is the
        collection; without it a single file goes into the one named like the file without its suffixes.

        Files hold JSON, one value a line, or an array, or values over several lines; CSV, TSV or Parquet, whose rows
        become records; or they are zip or tar archives of such files. gzip, zstd, xz and bzip2 are recognised by
        content.

        - `on_error`: what a bad line does: `"abort"` raises `BadRecord`, `"skip"` lists it in the report,
          `"quarantine"` also puts it into the collection `{into}_quarantine`.
        - `nan`: what NaN and infinities become, which are not JSON: `"null"`, or `"string"` for `"NaN"`, `"Infinity"`
          and `"-Infinity"`. Without it they make a line bad.
        - `again`: ingest from the first byte also what was ingested before. Without it a file that was ingested in full
          is skipped, and one that has grown goes on from where it was.
        - `resume`: go on after what an earlier ingest under this name committed, also in a stream, and raise
          `SourceChanged` when that has changed.
        - `recursive`: take the files in directories, by suffix.
        - `follow`: go on with what is appended to the file, under its name also after it was renamed or cut, until
          Ctrl-C, which ends it as the end of a file does. What came is committed at least every second, and other
          writers get their turn in between.
        - `dry_run`: read and check everything and write nothing; the report says what would be done.
        - `train`: train a compression dictionary first if the collection has none and it pays.
        - `types`, `nulls`: types to declare first, as by `declare`; columns may be named that no row has yet.
        - `layout`: how records are stored from now on, as by `declare`. With `"columns"` those of this ingest become
          columns at its end, however few they are; `notes` of the report say why some do not.
        - `progress`: None, True for a progress bar, or a callable that takes a `lakebed.Progress`.

        Pending changes are committed first. At least every 64 MiB of input is a commit, of a stream at least every
        second; Ctrl-C raises `Interrupted` and what was committed stays. The last line of a plain file, if it has no
        end and is half a record, is left for the next ingest. Several files give one report, the sum, with the report
        of each in `files`.

        Raises `BadRecord`, `SourceChanged`, `StoreIOError` (a file cannot be read), `InvalidArgument`, `Interrupted`.
        """
        return ingest(
            self._engine,
            source,
            into,
            on_error=on_error,
            nan=nan,
            again=again,
            resume=resume,
            recursive=recursive,
            follow=follow,
            dry_run=dry_run,
            train=train,
            changes=_changes(types or {}, nulls),
            layout=layout,
            progress=progress,
            call=self._warning,
        )

    def declare(
        self,
        collection: str,
        types: Mapping[str, str | None] | None = None,
        *,
        nulls: Sequence[str] = (),
        layout: Layout | None = None,
        create: bool = False,
    ) -> models.Schema:
        """Declare the types of columns, whatever their values are: `store.declare("events", {"price": "DOUBLE"},
        nulls=["-"])`.

        `types` maps names of columns, or paths to fields inside them (`"commit.at"`, `"items[].price"`), to SQL types;
        None lets the type be inferred again. A value that does not fit its declared type is NULL; its text is in
        `_json`, and `schema` counts such values. Numbers, booleans and times in strings fit. `nulls` are texts that
        mean NULL in these columns and are not counted. `create` makes the collection if there is none, and takes names
        of columns that no row has yet.

        `layout` is how its records are stored: `"columns"`, in Parquet files, from which they come back byte for byte,
        as far as they share shapes; `"rows"`, whole; `"auto"`, which is what nobody chose, as columns where there are
        many that came by `ingest` and that is smaller. It takes effect at the end of each ingest, and in `compact`.

        Pending changes are committed first, and so is the declaration. Returns the new schema. Raises
        `CollectionNotFound`; `InvalidArgument` for an unknown column, field, type or layout.
        """
        self._warning(self._engine.declare, collection, _changes(types or {}, nulls), create)
        if layout is not None:
            self._warning(self._engine.set_layout, collection, layout, create)
        return self.schema(collection)

    def infer(self, collection: str) -> models.Schema:
        """Infer the types of a collection's columns anew, from the rows there are: those of trimmed and deleted rows no
        longer count. Declared types stay.

        Reads all rows. Pending changes are committed first, and so is the result. Returns the new schema. Raises
        `CollectionNotFound`, `Interrupted`.
        """
        self._warning(self._engine.infer, collection)
        return self.schema(collection)

    def train(self, collection: str, size: int = 112640) -> models.TrainReport:
        """Train a compression dictionary of at most `size` bytes on a collection, and use it for new rows if it pays.

        The report says whether it was installed. Raises `CollectionNotFound`, `InvalidArgument`.
        """
        from lakebed import models

        wanted = number(size, "The size of a dictionary")
        return models.TrainReport(**self._warning(self._engine.train, collection, wanted))

    def drop(self, collection: str) -> int:
        """Drop a collection. Returns the number of its rows. Blobs stay that rows of other collections name, or that
        `put` pinned.

        Raises `CollectionNotFound`.
        """
        return self._warning(self._engine.drop, collection)

    def trim(self, collection: str, *, before_seq: int) -> int:
        """Drop the rows of a collection with sequence numbers below `before_seq`. Returns their number.

        Raises `CollectionNotFound`, `InvalidArgument`.
        """
        return self._warning(self._engine.trim, collection, number(before_seq, "A sequence number"))

    def export(
        self,
        collection: str,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        format: Literal["ndjson", "json"] | None = None,
        progress: ProgressLike = None,
    ) -> models.ExportReport:
        """Write the exact bytes of every row, in order, to a path or a binary file object: each followed by a line
        break (ndjson), or as the elements of one array (json).

        `format` is by default what the ending of the path says (`.ndjson`, `.jsonl`, `.json`, each also with `.gz` or
        `.zst`), and ndjson where there is none. A file appears under its name only when it is complete. `progress` is
        as for `ingest`. Columns go into CSV, Parquet and other files by SQL (`lakebed.connect`) or `lakebed export`.
        Raises `CollectionNotFound`, `StoreIOError`, `Interrupted`; `InvalidArgument` for an ending of another format;
        `TypeError` when `target` takes no bytes.
        """
        from lakebed import models
        from lakebed._export import check_writable, export

        if not isinstance(target, str | os.PathLike):
            check_writable(target)
        with _progress.reporting(progress, f"export {collection}") as report:
            return models.ExportReport(**export(self, self._engine, collection, target, format, report))

    def _snapshot_engine(self) -> SnapshotEngine:
        return self._engine.snapshot()

    # --- Statistics ---

    def stats(self) -> models.Stats:
        """Sizes, counts and cache statistics of the store."""
        from lakebed import models

        return models.Stats(**self._engine.stats(), backend=_backend.backend())

    # --- Upkeep ---

    def seal(self) -> None:
        """Complete the active segment. From then on `buffer` gives its uncompressed blobs without a copy."""
        self._warning(self._engine.seal)

    def compact(
        self,
        collection: str | None = None,
        *,
        layout: Layout | None = None,
        level: int | None = None,
        dry_run: bool = False,
        progress: ProgressLike = None,
    ) -> models.CompactReport:
        """Give back the space of what no row and no `put` holds any more, and gather small frames and segments.

        - `layout`: how the records of `collection`, or of all collections, are stored once it is done. `"columns"`: in
          Parquet files, from which they come back byte for byte; records that do not share shapes stay rows, and
          `stays_rows` says why. `"rows"`: as whole records. `"auto"`: as columns where that is smaller. None: as the
          settings of the collections say (`declare`); what was found unfit for columns is then not tried again.
        - `level`: encode everything again, at this zstd level from 1 to 22 and with the newest dictionaries; None
          encodes only what has to be, at the store's level.
        - `dry_run`: change nothing, and report what would be done.
        - `progress`: as for `ingest`; its bytes are those of segments.

        Pending changes are committed first. Hashes, ids, rows and commits stay what they are; readers and snapshots of
        older commits go on, and keep the old files until they end (`held_bytes`). What was done before an error or
        Ctrl-C stays done. It works with little free space, the emptiest segments first; what there is no room for is
        skipped with a warning.

        Raises `InvalidArgument`; `CollectionNotFound`; `Corrupt` when damage hides what is held; `StoreFull` when there
        is no room to begin; `Interrupted`.
        """
        from lakebed import models

        if level is not None:
            # The engine refuses what is above its own limit.
            level = min(number(level, "A compression level"), 2**31 - 1)
        with _progress.reporting(progress, "compact") as report:
            compacted = self._warning(self._engine.compact, collection, layout, level, dry_run, report)
        return models.CompactReport(**compacted)

    def verify(self, *, quick: bool = False, since: int = 0, progress: ProgressLike = None) -> VerifyReport:
        """Read the whole store and check it: checksums, hashes, and all structures against each other.

        With `quick` structures, and samples of records; with `since` only what was committed after that commit. Damage
        is listed and not raised. `progress` is as for `ingest`. Raises `InvalidArgument`, `Interrupted`.
        """
        from lakebed._verify_report import VerifyReport

        since = number(since, "A commit number")
        with _progress.reporting(progress, "verify") as report:
            return VerifyReport(**self._warning(self._engine.verify, quick, since, report))

    def _warning(self, call: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """What `call` returns; the engine's warnings since the last call are issued, also when it raises."""
        try:
            return call(*args, **named)
        finally:
            self._show_warnings(stacklevel=4)

    def _show_warnings(self, stacklevel: int) -> None:
        """Issue the engine's warnings as Python's, such as that of a torn write that was set aside."""
        for message in self._engine.take_warnings():
            warnings.warn(message, RuntimeWarning, stacklevel=stacklevel)


def has_pending(store: Store) -> bool:
    """Whether changes are pending in a store object."""
    engine = store._engine  # noqa: SLF001
    if engine.settings()["mode"] == "r":
        return False
    stats = engine.stats()
    return bool(stats["pending_blobs"] or stats["pending_rows"])


def _changes(types: Mapping[str, str | None], nulls: Sequence[str]) -> list[tuple[str, str | None, list[str]]]:
    """The declarations as an engine takes them. Raises `InvalidArgument` for texts that mean NULL in no column."""
    if isinstance(nulls, str):
        raise TypeError('nulls is a list of texts, as in nulls=["-"], not one text')
    if nulls and not any(types.values()):
        raise InvalidArgument("A text that means NULL belongs to a declared type: declare one, as in price=DOUBLE.")
    return [(path, kind, list(nulls)) for path, kind in types.items()]

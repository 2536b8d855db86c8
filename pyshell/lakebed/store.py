"""`open` and `Store`: the store as Python sees it, over whichever backend runs.

A store object may be used from several threads. Calls that read files, compress or wait for a lock let other threads run, and stop on
Ctrl-C. There is no asynchronous variant: `await asyncio.to_thread(store.ingest, ...)` does it.
"""

from __future__ import annotations

import errno
import glob
import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from lakebed import _backend, _progress, _records
from lakebed._files import written_whole
from lakebed._snapshot import Readable, Snapshot, number
from lakebed.errors import InvalidArgument, StoreIOError, error

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from lakebed import models
    from lakebed._backend import Hash, HashLike
    from lakebed._progress import ProgressLike
    from lakebed._records import Records

__all__ = ["Source", "Store", "open"]

OnError: TypeAlias = Literal["abort", "skip", "quarantine"]
Source: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

_DATA_SUFFIXES = (".ndjson", ".jsonl", ".json")
_COMPRESSED_SUFFIXES = (".gz", ".zst")


def open(
    path: str | os.PathLike[str],
    mode: Literal["r", "a"] = "a",
    lock_timeout: float = 10.0,
    cache_bytes: int = 64 << 20,
    *,
    create: bool = True,
    segment_bytes: int = 64 << 20,
    page_bytes: int = 12 << 10,
    level: int = 3,
    threads: int = 0,
) -> Store:
    """Open the store in the directory `path`.

    Mode `"a"` reads and writes, and makes the store when it is not there (unless `create=False`). Mode `"r"` never writes.

    - `lock_timeout`: seconds that a change waits for another process that writes, before `StoreLocked` says who.
    - `cache_bytes`: memory for decompressed data.
    - `segment_bytes`: the size at which a file is finished and the next one begun, which also happens at a million blobs.
    - `page_bytes`: how much is compressed together; more is smaller and slower to get.
    - `level`: of zstd, for what is written.
    - `threads`: for compression and scans; 0 means all cores.

    Raises `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`, `StoreIOError`.
    """
    path = os.fspath(path)
    if not path:
        raise InvalidArgument("The path of a store is empty: name its directory.")
    engine = _backend.open_engine(
        path,
        mode=mode,
        create=create,
        lock_timeout=lock_timeout,
        cache_bytes=number(cache_bytes, "cache_bytes"),
        segment_bytes=number(segment_bytes, "segment_bytes"),
        page_bytes=number(page_bytes, "page_bytes"),
        level=level,
        threads=number(threads, "threads"),
        command=_command(),
    )
    return Store(engine)


def _command() -> str:
    """What other processes are told holds the lock."""
    name, *arguments = sys.argv or [""]
    return text_of(" ".join([Path(name).name if name not in ("", "-", "-c") else "python", *arguments]))[:200]


class Store(Readable):
    """An open store; made by `lakebed.open`.

    `put`, `append` and `delete` join one pending group, which this object sees at once. `commit` makes it durable and shows it to
    others. As a context manager the store commits and closes at the end; after an exception it rolls back and closes.
    """

    def __init__(self, engine: _backend.Engine) -> None:
        super().__init__(engine)
        self._engine = engine
        self._warn()

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

    # --- What it is -----------------------------------------------------------------------------------------------------

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
        """How it was opened."""
        from lakebed import models

        return models.Settings(**self._engine.settings())

    # --- Blobs ----------------------------------------------------------------------------------------------------------

    def put(self, data: bytes | bytearray | memoryview) -> Hash:
        """Store bytes (anything with the buffer protocol) and return their hash.

        The blob stays until `delete`, also when equal bytes were there already as somebody's row.
        """
        return self._engine.put(data)

    def delete(self, hash: HashLike) -> int:
        """Remove a blob, and every row that is it; the number of those rows. Raises `BlobNotFound`."""
        return self._engine.delete(hash)

    # --- Commits --------------------------------------------------------------------------------------------------------

    def commit(self) -> int:
        """Make pending changes durable and visible to others; the number of the commit that this object now sees."""
        number = self._engine.commit()
        self._warn()
        return number

    def rollback(self) -> None:
        """Forget pending changes."""
        self._engine.rollback()

    def refresh(self) -> bool:
        """See what others committed since; whether there was anything."""
        return self._engine.refresh()

    @property
    def snapshot(self) -> Snapshot:
        """What this object sees now, pending work included; it stays readable, and the same, as long as it is held."""
        return Snapshot(self._engine.snapshot())

    def close(self) -> None:
        """Commit, and let go of the files. Closing twice is fine. Buffers stay valid."""
        if not self.closed:
            self._engine.close()

    # --- Rows -----------------------------------------------------------------------------------------------------------

    def append(self, collection: str, rows: Records) -> models.AppendReport:
        """Append rows to a collection, which is made when it is not there.

        `rows` is an iterable of records, one record, or a table:

        - bytes or text: one JSON value, stored as it is;
        - dicts, lists, numbers, bools, None: written as compact UTF-8 JSON in insertion order (`lakebed.to_json`);
        - anything with `__arrow_c_stream__` (a DuckDB relation, a pyarrow table, a Polars or pandas frame): one JSON object a row;
          numbers keep all their digits, times become ISO 8601 text, binary base64, NULL null.

        A list is an iterable of records; to append one record that is a list, wrap it: `[[1, 2]]`. On an error (`BadRecord`) nothing of
        this call is kept.
        """
        from lakebed import models

        return models.AppendReport(**self._engine.append(collection, _records.batches(rows)))

    def ingest(
        self,
        source: Source | Iterable[Source],
        into: str | None = None,
        *,
        on_error: OnError = "abort",
        again: bool = False,
        resume: bool = False,
        train: bool = True,
        progress: ProgressLike = None,
    ) -> models.IngestReport:
        """Read NDJSON into a collection and commit it.

        `source` is a path, a pattern such as `"logs/*.ndjson.gz"`, `"-"` for standard input, a file object open in binary mode, or several
        of these. gzip and zstd are recognised by content. `into` may be left out for one file: its name without
        `.ndjson .jsonl .json .gz .zst`.

        - `on_error`: at a bad line `"abort"` with `BadRecord`, `"skip"` and list it, or put it into a `"quarantine"` collection.
        - `again`: a file that was ingested in full before is skipped; ingest it anew instead.
        - `resume`: go on where an interrupted ingest of this file stopped.
        - `train`: train a compression dictionary first when the collection has none and it pays.
        - `progress`: None, True for a bar, or a callable that takes a `lakebed.Progress`.

        Work that is pending is committed first. Ctrl-C stops at a commit: what was acknowledged stays.
        """
        from lakebed import models

        sources = list(_expand(source))
        if into is None:
            into = _into(sources)
        reports = []
        for item in sources:
            title = f"{_name(item)} -> {into}"
            with _progress.reporting(progress, title) as report:
                done = self._engine.ingest(
                    item,
                    into=into,
                    name=None if isinstance(item, str) else _name(item),
                    size=None,
                    on_error=on_error,
                    again=again,
                    resume=resume,
                    train=train,
                    progress=report,
                )
            reports.append(models.IngestReport(**done))
            self._warn()
        return reports[0] if len(reports) == 1 else _sum(reports)

    def train(self, collection: str, size: int = 112640) -> models.TrainReport:
        """Train a compression dictionary of at most `size` bytes on a collection, and use it from now on if it pays."""
        from lakebed import models

        return models.TrainReport(**self._engine.train(collection, number(size, "The size of a dictionary")))

    def drop(self, collection: str) -> int:
        """Drop a collection; the number of its rows. Its blobs stay where other collections or a `put` hold them."""
        return self._engine.drop(collection)

    def trim(self, collection: str, *, before_seq: int) -> int:
        """Drop the rows of a collection with sequence numbers below `before_seq`; the number of them."""
        return self._engine.trim(collection, number(before_seq, "A sequence number"))

    def export(
        self, collection: str, target: str | os.PathLike[str] | IO[bytes], *, progress: ProgressLike = None
    ) -> models.ExportReport:
        """Write the very bytes of every row, in order, each followed by a line break, to a path or a binary file object.

        A file appears under its name only when it is complete.
        """
        from lakebed import models

        with _progress.reporting(progress, f"{collection} -> {_name(target)}") as report:
            if not isinstance(target, str | os.PathLike):
                _check_writable(target)
                return models.ExportReport(**self._engine.export(collection, target, report))
            path = Path(target)
            unfinished = path
            try:
                with written_whole(path) as unfinished:
                    done = self._engine.export(collection, unfinished, report)
            except StoreIOError as problem:
                # The caller knows the file by its own name.
                message = problem.message.replace(str(unfinished), str(path))
                raise error(problem.kind, message, problem.errno) from None
            return models.ExportReport(**done)

    def _pinned(self) -> _backend.View:
        return self._engine.snapshot()

    # --- What is there --------------------------------------------------------------------------------------------------

    def stats(self) -> models.Stats:
        """The store in numbers."""
        from lakebed import models

        return models.Stats(**self._engine.stats())

    # --- Upkeep ---------------------------------------------------------------------------------------------------------

    def seal(self) -> None:
        """Finish the segment that is being written: from then on its raw blobs are handed out without a copy."""
        self._engine.seal()

    def verify(self, *, progress: ProgressLike = None) -> models.VerifyReport:
        """Read everything and check it against its checksums and hashes. What is wrong is in the report, not raised."""
        from lakebed import models

        with _progress.reporting(progress, "verify") as report:
            return models.VerifyReport(**self._engine.verify(report))

    def _warn(self) -> None:
        """Pass on what happened that is no error, such as a torn write that was set aside."""
        for message in self._engine.take_warnings():
            warnings.warn(message, RuntimeWarning, stacklevel=3)


def _expand(source: Source | Iterable[Source]) -> Iterator[Source]:
    """The single sources: patterns become the paths they match, in order."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if path == "-":
            yield sys.stdin.buffer
        elif glob.has_magic(path) and not Path(path).exists():
            found = sorted(glob.iglob(path, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
            if not found:
                message = f"No file matches the pattern {path!r}; check its directory and spelling."
                raise error(StoreIOError.kind, message, errno.ENOENT)
            yield from found
        else:
            yield path
    elif hasattr(source, "read"):
        yield source  # type: ignore[misc]
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | memoryview):
        for item in source:
            yield from _expand(item)
    else:
        raise TypeError(f"ingest takes a path or a file object, not {type(source).__name__}")


def _check_writable(target: object) -> None:
    """Refuses what takes no bytes."""
    if not hasattr(target, "write"):
        raise TypeError(f"export takes a path or a file object, not {type(target).__name__}")
    if isinstance(target, io.TextIOBase):
        raise TypeError('the file takes text: open it in binary mode, open(path, "wb")')


def _name(source: object) -> str:
    """What a source is called in rows and messages."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "<stream>"


def _into(sources: list[Source]) -> str:
    """The collection that one file's name stands for."""
    if len(sources) != 1 or not isinstance(sources[0], str):
        raise InvalidArgument('Several files, file objects and standard input need a collection: into="NAME".')
    return collection_name(sources[0])


def text_of(name: str) -> str:
    """A file's name as text that can be stored: bytes in it that are no UTF-8 become U+FFFD."""
    return os.fsencode(name).decode(errors="replace")


def collection_name(path: str) -> str:
    """The collection that a file goes into by default: its name without `.ndjson .jsonl .json .gz .zst`."""
    name = text_of(Path(path).name)
    for suffixes in (_COMPRESSED_SUFFIXES, _DATA_SUFFIXES):
        for suffix in suffixes:
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                name = name[: -len(suffix)]
                break
    return name


def _sum(reports: list[models.IngestReport]) -> models.IngestReport:
    """The report on several files."""
    from lakebed import models

    if not reports:
        raise InvalidArgument("There is nothing to ingest: the list of files is empty.")
    first, last = reports[0], reports[-1]

    def total(field: str) -> Any:
        return sum(getattr(report, field) for report in reports)

    return models.IngestReport(
        collection=first.collection,
        file=f"{len(reports)} files",
        skipped=all(report.skipped for report in reports),
        resumed_after_line=None,
        lines=total("lines"),
        rows=total("rows"),
        new_blobs=total("new_blobs"),
        duplicates=total("duplicates"),
        bad_lines=total("bad_lines"),
        first_bad=tuple(bad for report in reports for bad in report.first_bad)[:20],
        quarantine=next((report.quarantine for report in reports if report.quarantine), None),
        bytes_in=total("bytes_in"),
        bytes_stored=total("bytes_stored"),
        trained=next((report.trained for report in reports if report.trained), None),
        seconds=total("seconds"),
        commit=last.commit,
        files=tuple(reports),
    )

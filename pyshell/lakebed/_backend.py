"""The seam between the package and its backends: what a backend provides, and which one runs.

A backend is a module with the names of `Backend`. `lakebed.Store` and `lakebed.Snapshot` are written against the
protocols here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from lakebed._installed import BACKENDS, all_backends, missing_backend

if TYPE_CHECKING:
    import os

    from lakebed import _rust
    from lakebed._progress import EngineProgress
    from lakebed._records import ArrowStreamExportable, Batch
    from lakebed._types import Buffer, Hash, HashLike, Rows

__all__ = [
    "ArrowStream",
    "Backend",
    "Layout",
    "ReadEngine",
    "SnapshotEngine",
    "StoreEngine",
    "backend",
    "current",
    "has_rust_backend",
    "installed",
]

Layout: TypeAlias = Literal["columns", "rows", "auto"]
"""How `Store.compact` stores records."""


class ArrowStream(Protocol):
    """Typed rows of one snapshot, read through Arrow's C stream interface. Each request for a stream begins a new
    one."""

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...


class ReadEngine(Protocol):
    """What a backend does to read, of a store and of a snapshot alike.

    `lakebed.Store` documents each method. Reports are dictionaries with the fields of the class in `lakebed.models`
    that they are for.
    """

    @property
    def commit_number(self) -> int: ...
    def get(self, hash: HashLike, /) -> bytes: ...
    def get_many(self, hashes: Iterable[HashLike], /) -> list[bytes | None]: ...
    def buffer(self, hash: HashLike, /) -> Buffer: ...
    def contains(self, hash: HashLike, /) -> bool: ...
    def resolve(self, hash: HashLike, /) -> Hash: ...
    def __len__(self) -> int: ...
    def rows(self, collection: str, start: int, stop: int | None, /) -> Rows: ...
    def collections(self) -> list[dict[str, Any]]: ...
    def segments(self) -> list[dict[str, Any]]: ...
    def dictionaries(self) -> list[dict[str, Any]]: ...
    def commits(self) -> list[dict[str, Any]]: ...


class SnapshotEngine(ReadEngine, Protocol):
    """What a backend does for a snapshot besides."""

    def schema(self, collection: str, counted: bool, /) -> dict[str, Any]: ...
    def schema_digest(self, collection: str, /) -> int: ...
    def misfits(self, collection: str, start: int, /) -> int: ...
    def files(self, collection: str, /) -> list[dict[str, Any]]: ...
    def file_segments(self, collection: str, /) -> list[int]: ...
    def records(self, collection: str, seqs: list[int], /) -> list[bytes | None]: ...
    def record_hashes(self, collection: str, seqs: list[int], /) -> list[str | None]: ...
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
    ) -> ArrowStream: ...
    def system(self, table: str, columns: list[str] | None, /) -> ArrowStream: ...


class StoreEngine(ReadEngine, Protocol):
    """What a backend does for an open store besides."""

    @property
    def path(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    def settings(self) -> dict[str, Any]: ...
    def take_warnings(self) -> list[str]: ...
    def close(self) -> None: ...
    def put(self, data: bytes | bytearray | memoryview, /) -> Hash: ...
    def delete(self, hash: HashLike, /) -> int: ...
    def commit(self) -> int: ...
    def rollback(self) -> None: ...
    def refresh(self) -> bool: ...
    def snapshot(self) -> SnapshotEngine: ...
    def append(self, collection: str, batches: Iterator[Batch], /) -> dict[str, Any]: ...
    def ingest(
        self,
        source: str | os.PathLike[str] | IO[bytes] | Callable[[], Any],
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
    ) -> dict[str, Any]: ...
    def train(self, collection: str, size: int, /) -> dict[str, Any]: ...
    def declare(self, collection: str, changes: list[tuple[str, str | None, list[str]]], create: bool, /) -> None: ...
    def infer(self, collection: str, /) -> None: ...
    def drop(self, collection: str, /) -> int: ...
    def trim(self, collection: str, before_seq: int, /) -> int: ...
    def seal(self) -> None: ...
    def set_layout(self, collection: str, layout: str, create: bool, /) -> None: ...
    def apply_layout(self, collection: str, asked: bool, progress: EngineProgress | None, /) -> dict[str, Any]: ...
    def compact(
        self,
        collection: str | None,
        layout: str | None,
        level: int | None,
        dry_run: bool,
        progress: EngineProgress | None,
        /,
    ) -> dict[str, Any]: ...
    def backup(
        self, dest: str | os.PathLike[str], keep: int | None, progress: EngineProgress | None, /
    ) -> dict[str, Any]: ...
    def copy_to(self, other: Any, collections: list[str], progress: EngineProgress | None, /) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    def verify(self, quick: bool, since: int, progress: EngineProgress | None, /) -> dict[str, Any]: ...
    def export(self, collection: str, target: Any, progress: EngineProgress | None, /) -> dict[str, Any]: ...


class ZstdDecoder(Protocol):
    """Decompresses zstd frames, one after the other."""

    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def is_whole(self) -> bool: ...


class ZstdStream(Protocol):
    """Compresses a stream of bytes into one zstd frame."""

    def __init__(self, level: int) -> None: ...
    def compress(self, data: bytes, /) -> bytes: ...
    def finish(self) -> bytes: ...


class ArrowFile(Protocol):
    """The bytes of an Arrow file with the rows of a table, in pieces."""

    def __init__(self, table: ArrowStreamExportable) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...


class Backend(Protocol):
    """An implementation of the store."""

    @property
    def name(self) -> Literal["rust", "python"]:
        """What `lakebed.backend()` returns."""
        ...

    def open_store(
        self,
        path: str,
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
        """Open a store; see `lakebed.open`. `command` is what processes that wait for the lock are shown as its
        holder."""
        ...

    def repair_store(
        self,
        path: str,
        /,
        *,
        dry_run: bool,
        lock_timeout: float,
        command: str,
        progress: EngineProgress | None,
    ) -> dict[str, Any]:
        """Repair a store; see `lakebed.repair`."""
        ...

    def restore(
        self, backup: str | os.PathLike[str], path: str | os.PathLike[str], progress: EngineProgress | None, /
    ) -> dict[str, Any]:
        """Make a store of a backup; see `lakebed.restore`."""
        ...

    def collection_name(self, path: str, /) -> str | None:
        """The default collection of a file: its name without `.gz` or `.zst`, then without `.ndjson`, `.jsonl` or
        `.json`.

        The case of the suffixes is ignored; bytes that are not UTF-8 become U+FFFD. None for a path without a file
        name.
        """
        ...

    def json_lines(self, table: ArrowStreamExportable, json: list[list[int]], /) -> Any:
        """A file object to read from: one JSON object a line for each row of a table, as `append` stores it. `json` has
        the places of text that is JSON."""
        ...

    @property
    def ZstdDecoder(self) -> type[ZstdDecoder]:  # noqa: N802  (the name of the class)
        """Decompresses zstd frames."""
        ...

    @property
    def ZstdStream(self) -> type[ZstdStream]:  # noqa: N802  (the name of the class)
        """Compresses a stream into one zstd frame."""
        ...

    @property
    def ArrowFile(self) -> type[ArrowFile]:  # noqa: N802  (the name of the class)
        """The bytes of an Arrow file with the rows of a table."""
        ...

    def error_kinds(self) -> list[str]:
        """The kinds of the errors it raises, each the `kind` of a class in `lakebed.errors`."""
        ...


if TYPE_CHECKING:
    _conforms: Backend = _rust

_current: Backend | None = cast("Backend", BACKENDS[0]) if BACKENDS else None


def installed() -> tuple[Backend, ...]:
    """The backends that are installed, fastest first."""
    return cast("tuple[Backend, ...]", all_backends())


def current() -> Backend:
    """The backend that opens stores. Raises `BackendMissing` when none is installed."""
    if _current is None:
        raise missing_backend()
    return _current


def backend() -> Literal["rust", "python"]:
    """Which implementation of the store runs. Raises `BackendMissing` when none is installed."""
    return current().name


def has_rust_backend() -> bool:
    """Whether the store runs in Rust."""
    return _current is not None and _current.name == "rust"

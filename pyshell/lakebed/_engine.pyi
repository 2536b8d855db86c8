"""The engine, in Rust. Public classes are reached as `lakebed.X`; `Engine` and `open` are for `lakebed.store` alone."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from os import PathLike
from typing import IO, Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, final

from lakebed._progress import Report
from lakebed._records import Batch
from lakebed.prompts.client import Chunk, Pulled

__all__ = [
    "Buffer",
    "Engine",
    "Hash",
    "Ollama",
    "Pieces",
    "Row",
    "Rows",
    "Stream",
    "View",
    "__version__",
    "error_kinds",
    "open",
]

__version__: Final[str]

_Piece = TypeVar("_Piece", Chunk, Pulled)
_HashLike: TypeAlias = Hash | bytes | str

def error_kinds() -> list[str]:
    """The kinds of errors that the engine raises; each is a class in `lakebed.errors`."""

def open(
    path: str | PathLike[str],
    /,
    *,
    mode: Literal["r", "a"],
    create: bool,
    lock_timeout: float,
    cache_bytes: int,
    segment_bytes: int,
    page_bytes: int,
    level: int,
    threads: int,
    command: str,
) -> Engine:
    """Open a store. `command` is what other processes are told when they wait for it."""

@final
class Hash:
    """The identity of a blob: the BLAKE3-256 of exactly its bytes.

    `str(h)` is 64 hex characters, `bytes(h)` 32 bytes. Immutable, hashable, ordered like its bytes.
    """

    def __new__(cls, value: _HashLike, /) -> Self:
        """From 32 bytes or 64 hex characters."""

    @staticmethod
    def of(data: bytes | bytearray | memoryview, /) -> Hash:
        """The hash that these bytes have, or would have, in any store."""

    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __lt__(self, other: Hash, /) -> bool: ...
    def __le__(self, other: Hash, /) -> bool: ...
    def __gt__(self, other: Hash, /) -> bool: ...
    def __ge__(self, other: Hash, /) -> bool: ...
    def __reduce__(self) -> tuple[type[Hash], tuple[bytes]]: ...

@final
class Buffer:
    """The bytes of a blob, read-only, through the buffer protocol: `memoryview(buffer)`, `bytes(buffer)`, `numpy.frombuffer(buffer)`.

    It owns what holds the bytes, and stays valid after the store is closed.
    """

    @property
    def mapped(self) -> bool:
        """Whether it shows the store's file without a copy."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Row:
    """A row of a collection."""

    @property
    def seq(self) -> int:
        """Its sequence number: its place in the collection, from 0."""

    @property
    def data(self) -> bytes:
        """Its exact bytes."""

    @property
    def blob(self) -> int:
        """The id of its blob; equal rows have the same."""

    @property
    def hash(self) -> Hash:
        """The hash of its bytes, computed when asked for."""

    @property
    def file(self) -> str | None:
        """The file it was ingested from."""

    @property
    def line(self) -> int | None:
        """Its line in that file, from 1."""

    @property
    def ingested_at(self) -> datetime:
        """When it was ingested or appended, in UTC."""

    def json(self) -> Any:
        """Its bytes, parsed with `json.loads`."""

@final
class Rows:
    """An iterator over rows, in order. It shows the collection as it was when the iterator was made."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Row: ...

@final
class View:
    """The store as of one commit, behind `lakebed.Snapshot`, which documents what each method does."""

    @property
    def commit_number(self) -> int: ...
    def get(self, hash: _HashLike, /) -> bytes: ...
    def get_many(self, hashes: Iterable[_HashLike], /) -> list[bytes | None]: ...
    def buffer(self, hash: _HashLike, /) -> Buffer: ...
    def contains(self, hash: _HashLike, /) -> bool: ...
    def resolve(self, hash: _HashLike, /) -> Hash: ...
    def __len__(self) -> int: ...
    def rows(self, collection: str, start: int, stop: int | None, /) -> Rows: ...
    def collections(self) -> list[dict[str, Any]]: ...
    def segments(self) -> list[dict[str, Any]]: ...
    def dictionaries(self) -> list[dict[str, Any]]: ...
    def commits(self) -> list[dict[str, Any]]: ...
    def schema(self, collection: str, /) -> dict[str, Any]: ...
    def arrow(
        self,
        collection: str,
        columns: list[str] | None,
        filters: list[tuple[Any, ...]] | None,
        start: int,
        stop: int | None,
        signs_of_life: bool,
        views: bool,
        /,
    ) -> Stream: ...
    def system(self, table: str, columns: list[str] | None, /) -> Stream: ...

@final
class Stream:
    """Typed rows of one snapshot. Each time it is asked for a stream it begins a new one."""

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class Engine:
    """An open store, behind `lakebed.Store`, which documents what each method does.

    Reports are dictionaries with the fields of the class in `lakebed.models` they are for.
    """

    @property
    def path(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def commit_number(self) -> int: ...
    def settings(self) -> dict[str, Any]: ...
    def take_warnings(self) -> list[str]: ...
    def close(self) -> None: ...
    def put(self, data: bytes | bytearray | memoryview, /) -> Hash: ...
    def get(self, hash: _HashLike, /) -> bytes: ...
    def get_many(self, hashes: Iterable[_HashLike], /) -> list[bytes | None]: ...
    def buffer(self, hash: _HashLike, /) -> Buffer: ...
    def contains(self, hash: _HashLike, /) -> bool: ...
    def resolve(self, hash: _HashLike, /) -> Hash: ...
    def delete(self, hash: _HashLike, /) -> int: ...
    def __len__(self) -> int: ...
    def commit(self) -> int: ...
    def rollback(self) -> None: ...
    def refresh(self) -> bool: ...
    def snapshot(self) -> View: ...
    def append(self, collection: str, batches: Iterator[Batch], /) -> dict[str, Any]: ...
    def ingest(
        self,
        source: str | PathLike[str] | IO[bytes],
        /,
        *,
        into: str,
        name: str | None,
        size: int | None,
        on_error: str,
        again: bool,
        resume: bool,
        train: bool,
        progress: Report | None,
    ) -> dict[str, Any]: ...
    def train(self, collection: str, size: int, /) -> dict[str, Any]: ...
    def drop(self, collection: str, /) -> int: ...
    def trim(self, collection: str, before_seq: int, /) -> int: ...
    def seal(self) -> None: ...
    def collections(self) -> list[dict[str, Any]]: ...
    def segments(self) -> list[dict[str, Any]]: ...
    def dictionaries(self) -> list[dict[str, Any]]: ...
    def commits(self) -> list[dict[str, Any]]: ...
    def stats(self) -> dict[str, Any]: ...
    def verify(self, progress: Report | None, /) -> dict[str, Any]: ...
    def export(
        self, collection: str, target: str | PathLike[str] | IO[bytes], progress: Report | None, /
    ) -> dict[str, Any]: ...
    def rows(self, collection: str, start: int, stop: int | None, /) -> Rows: ...

@final
class Ollama:
    """A client of one Ollama server, behind `lakebed.prompts.client.Client`, which documents what each method does."""

    def __new__(
        cls,
        url: str,
        /,
        *,
        headers: dict[str, str],
        proxies: bool,
        connect: float,
        first: float,
        stall: float,
        frame_limit: int,
    ) -> Self: ...
    def chat(self, body: bytes, model: str, /) -> Pieces[Chunk]: ...
    def pull(self, body: bytes, model: str, /) -> Pieces[Pulled]: ...
    def call(self, method: Literal["GET", "POST"], path: str, body: bytes | None, model: str, /) -> bytes: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...

@final
class Pieces(Generic[_Piece]):
    """Pieces of one reply, or how far a pull is. While it waits, other threads run."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> _Piece: ...
    def close(self) -> None: ...

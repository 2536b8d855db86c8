"""Which implementation of the store runs, named in this one place.

A backend is a module with the class `Hash`, the classes a store hands out (`Buffer`, `Row`, `Rows`, `Stream`) and
`open(path, ...) -> Engine`. `Store` is written against the protocol `Engine` and knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from lakebed._engine import ArrowStream as Stream
from lakebed._engine import Buffer, Hash, Row, Rows
from lakebed._engine import open as open_engine

if TYPE_CHECKING:
    import os

    from lakebed._progress import Report
    from lakebed._records import Batch

__all__ = [
    "Buffer",
    "Engine",
    "Hash",
    "HashLike",
    "Row",
    "Rows",
    "Stream",
    "View",
    "backend",
    "has_rust_backend",
    "open_engine",
]

HashLike = Hash | bytes | str


def backend() -> Literal["rust", "python"]:
    """Which implementation of the store runs."""
    return "rust"


def has_rust_backend() -> bool:
    """Whether the store runs in Rust."""
    return backend() == "rust"


class Reading(Protocol):
    """What a backend does for whoever reads. Reports are dictionaries with the fields of the class in `lakebed.models` they are for."""

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


class View(Reading, Protocol):
    """What a backend does for a snapshot besides."""

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


class Engine(Reading, Protocol):
    """What a backend does for a store."""

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
    def snapshot(self) -> View: ...
    def append(self, collection: str, batches: Iterator[Batch], /) -> dict[str, Any]: ...
    def ingest(
        self,
        source: str | os.PathLike[str] | IO[bytes],
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
    def stats(self) -> dict[str, Any]: ...
    def verify(self, progress: Report | None, /) -> dict[str, Any]: ...
    def export(self, collection: str, target: Any, progress: Report | None, /) -> dict[str, Any]: ...

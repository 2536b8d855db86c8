"""The types of what a store hands out, whichever backend runs. `lakebed.X` is the name users see."""

from datetime import datetime
from typing import Any, Self, TypeAlias, final

__all__ = ["Buffer", "Hash", "HashLike", "Row", "Rows"]

HashLike: TypeAlias = Hash | bytes | str
"""A hash as a `lakebed.Hash`, 32 bytes, 64 hex characters, or the beginning of these where no other blob's hash begins
so."""

@final
class Hash:
    """The identity of a blob: the BLAKE3-256 of exactly its bytes.

    `str(h)` is 64 hex characters, `bytes(h)` 32 bytes. Immutable, hashable, ordered like its bytes.
    """

    def __new__(cls, value: HashLike, /) -> Self:
        """From 32 bytes or 64 hex characters; raises `InvalidArgument` for any other bytes or text."""

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
    """The bytes of a blob, read-only, through the buffer protocol: `memoryview(buffer)`, `bytes(buffer)`,
    `numpy.frombuffer(buffer)`.

    It owns what holds the bytes, and stays valid after the store is closed.
    """

    @property
    def mapped(self) -> bool:
        """Whether it shows the store's file without a copy."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Row:
    """A row of a collection."""

    @property
    def seq(self) -> int:
        """Its sequence number: its position in the collection, from 0."""

    @property
    def data(self) -> bytes:
        """Its exact bytes."""

    @property
    def blob(self) -> int:
        """The id of its blob; equal rows have the same."""

    @property
    def hash(self) -> Hash:
        """The hash of its bytes, computed at each access."""

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

"""The Parquet files of a collection."""

from __future__ import annotations

from typing import Any

from lakebed._packages import required
from lakebed.models import Listing, Model

with required():
    from pydantic import Field

__all__ = ["CollectionFiles", "ParquetFile"]


class ParquetFile(Model):
    """A Parquet file of a collection, which other programs can read."""

    path: str
    """Its path: that of the store, and `name`."""
    name: str
    """Its path inside the store's directory, with `/`; it stays the same when the store is moved."""
    bytes: int
    rows: int
    """The rows in it."""
    live_rows: int
    """Of these, the rows that the collection has."""
    first_seq: int
    """The least `_seq` in it."""
    last_seq: int
    """The greatest `_seq` in it."""
    gone: tuple[tuple[int, int], ...]
    """The `_seq` of the rows in it that were deleted or trimmed, as ranges: first, and first behind. A program that
    reads the file leaves them out; `lakebed compact` removes them."""


class CollectionFiles(Model):
    """What `Store.files` lists."""

    collection: str
    commit: int
    """The commit that it is the state of."""
    rows: int
    """All rows of the collection."""
    rows_elsewhere: int
    """Of these, the rows that are in no Parquet file."""
    files: Listing[ParquetFile] = Field(default_factory=Listing)
    """In the order of their rows."""

    @property
    def paths(self) -> list[str]:
        """The paths of the files."""
        return [file.path for file in self.files]


def collection_files(collection: str, commit: int, rows: int, found: list[dict[str, Any]]) -> CollectionFiles:
    """What `Store.files` returns. `found` is what an engine says of the files."""
    files = Listing(
        ParquetFile(
            gone=tuple(one["gone"]),
            **{name: one[name] for name in ("path", "name", "bytes", "rows", "live_rows", "first_seq", "last_seq")},
        )
        for one in found
    )
    elsewhere = rows - sum(file.live_rows for file in files)
    return CollectionFiles(collection=collection, commit=commit, rows=rows, rows_elsewhere=elsewhere, files=files)


# Classes print as lakebed.X.
for _class in (ParquetFile, CollectionFiles):
    _class.__module__ = "lakebed"

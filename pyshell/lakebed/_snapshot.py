"""What a store object and a snapshot both do: blobs by hash, rows, and what there is."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lakebed._backend import Hash, Reading, View
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed import models
    from lakebed._backend import Buffer, HashLike, Rows, Stream


def number(value: int, what: str) -> int:
    """A number that the engine can take. It has narrower limits of its own, and tells them."""
    value = operator.index(value)
    if not 0 <= value < 2**63:
        raise InvalidArgument(f"{what} is from 0 to 2^63 - 1, not {value}.")
    return value


def _range(start: int, stop: int | None) -> tuple[int, int | None]:
    return number(start, "A sequence number"), None if stop is None else number(stop, "A sequence number")


class Readable:
    """Blobs and rows to read."""

    def __init__(self, view: Reading) -> None:
        self._view = view
        # Reading a blob takes about a microsecond: a Python function in between would cost a tenth of that. The instance therefore
        # holds the engine's own method, unless a subclass has one of its own.
        if type(self).get is Readable.get:
            self.__dict__["get"] = view.get

    def get(self, hash: HashLike, /) -> bytes:
        """The bytes of a blob, checked against the hash.

        It is named by a `lakebed.Hash`, 32 bytes, 64 hex characters, or the beginning of them when only one blob begins so.
        Raises `BlobNotFound`, `AmbiguousPrefix`, `Corrupt`.
        """
        return self._view.get(hash)

    def get_many(self, hashes: Iterable[HashLike]) -> list[bytes | None]:
        """The bytes of several blobs, in the order asked; None where there is none. Faster than one by one."""
        if isinstance(hashes, str | bytes | Hash):
            raise TypeError("get_many takes several hashes; one alone is for get")
        return self._view.get_many(hashes)

    def buffer(self, hash: HashLike) -> Buffer:
        """The bytes of a blob through the buffer protocol, read-only: `memoryview(store.buffer(h))`.

        For blobs that are stored raw in a sealed segment (images, archives) nothing is copied: the view shows the mapped file. It stays
        valid after `close`.
        """
        return self._view.buffer(hash)

    def resolve(self, hash: HashLike) -> Hash:
        """The whole hash of the one blob that a hash, or the beginning of one, names.

        Raises `BlobNotFound`, `AmbiguousPrefix`, `InvalidArgument`.
        """
        return self._view.resolve(hash)

    def __contains__(self, hash: HashLike) -> bool:
        return self._view.contains(hash)

    def __len__(self) -> int:
        return len(self._view)

    def __bool__(self) -> bool:
        # An empty store is still a store.
        return True

    def scan(self, collection: str, start: int = 0, stop: int | None = None) -> Rows:
        """The rows of a collection in order, with sequence numbers from `start` to before `stop`."""
        return self._view.rows(collection, *_range(start, stop))

    def _pinned(self) -> View:
        """One commit, with what is pending, for all that is read through it."""
        raise NotImplementedError

    def schema(self, collection: str) -> models.Schema:
        """The columns of a collection as SQL and Arrow show them, inferred over all its rows, system columns last.

        Raises `CollectionNotFound`.
        """
        from lakebed import models

        return models.Schema(**self._pinned().schema(collection))

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
    ) -> Stream:
        """Typed rows of a collection, as an object with `__arrow_c_stream__` that pyarrow, Polars, pandas and DuckDB read.

        - `columns`: names of typed and system columns, in the order wanted; None means all.
        - `filters`: `(column, operator, constant)`, joined by AND; operators are `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` (a list),
          `is_null` and `is_not_null`. Dates are compared as days, timestamps as microseconds since 1970 (UTC).
        - `start`, `stop`: only sequence numbers from `start` to before `stop`.
        - `signs_of_life`: give a row of nothing but NULL whenever the filters let nothing through for a tenth of a second, so that a
          reader that looks between rows whether it should stop gets to look.
        - `views`: give `_json` as Arrow string views into the decoded frames, which copies nothing: for Polars, DuckDB and pyarrow 16 or
          newer, some of whose functions take no views.

        The rows are those of now, however late and however often the stream is read.
        Raises `CollectionNotFound`; `InvalidArgument` for an unknown column.
        """
        wanted = None if columns is None else list(columns)
        tests = [tuple(item) for item in filters]
        return self._pinned().arrow(collection, wanted, tests, *_range(start, stop), signs_of_life, views)

    def table(self, name: str, columns: Sequence[str] | None = None) -> Stream:
        """What the store tells about itself, as `arrow`: the table `blobs`, `collections`, `segments`, `dictionaries` or `commits`.

        Raises `InvalidArgument` for an unknown table or column.
        """
        return self._pinned().system(name, None if columns is None else list(columns))

    def collections(self) -> models.Listing[models.CollectionInfo]:
        """The collections, by name."""
        from lakebed import models

        return models.Listing(models.CollectionInfo(**item) for item in self._view.collections())

    def segments(self) -> models.Listing[models.SegmentInfo]:
        """The segments, in order."""
        from lakebed import models

        return models.Listing(models.SegmentInfo(**item) for item in self._view.segments())

    def dictionaries(self) -> models.Listing[models.DictionaryInfo]:
        """The compression dictionaries, in order."""
        from lakebed import models

        return models.Listing(models.DictionaryInfo(**item) for item in self._view.dictionaries())

    def commits(self) -> models.Listing[models.CommitInfo]:
        """The commits, oldest first."""
        from lakebed import models

        return models.Listing(models.CommitInfo(**item) for item in self._view.commits())


class Snapshot(Readable):
    """The store as of one commit, with what was pending in the object it was taken from. It stays readable while it is held."""

    _view: View

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._view = view

    def _pinned(self) -> View:
        return self._view

    @property
    def commit(self) -> int:
        """The number of the commit."""
        return self._view.commit_number

    def __repr__(self) -> str:
        return f"<lakebed.Snapshot of commit {self.commit}>"

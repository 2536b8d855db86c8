"""What the views of an attached store read: protocols, so that tests can put plain tables in the place of a store."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

from lakebed._backend import ArrowStream
from lakebed.duck.parquet_parts import OtherRows, Piece
from lakebed.duck.predicates import Filter

__all__ = ["SEQ", "Runs", "SnapshotProvider", "Table", "TableSnapshot"]

SEQ = "_seq"
"""The sequence number of a row: the column of a collection that is cheapest to read."""


class Runs(NamedTuple):
    """The runs of prompts."""

    active: frozenset[str] = frozenset()
    """The ids of those whose process is running."""
    into: frozenset[str] = frozenset()
    """The collections of their results."""


class Table(Protocol):
    """One table of one snapshot: a collection or a system table."""

    @property
    def columns(self) -> dict[str, bool]:
        """The names of the columns, in the order users see, and whether filters can compare the column with
        constants."""
        ...

    def struct_field(self, names: tuple[str, ...]) -> tuple[str, bool] | None:
        """A field inside structs, by the names that lead to it: its path for filters, and whether filters can compare
        it with constants; None where filters do not know it."""
        ...

    @property
    def types(self) -> dict[str, str]:
        """The SQL types of the columns, by name, in the order users see; of a system table, empty."""
        ...

    @property
    def casts(self) -> dict[str, str]:
        """The SQL types of the columns whose Arrow type is another one."""
        ...

    @property
    def takes_filters(self) -> bool:
        """Whether `open` applies filters."""
        ...

    @property
    def rows(self) -> int | None:
        """The number of rows, if it is known without a scan."""
        ...

    @property
    def signature(self) -> Hashable:
        """A value that two tables share if their columns have the same names and types."""
        ...

    @property
    def content(self) -> Hashable:
        """A value that this table shares with the same table of another snapshot if the rows are the same."""
        ...

    def open(self, columns: list[str], filters: list[Filter], *, views: bool = False) -> ArrowStream:
        """The rows that pass all filters, with these columns in this order. `views`: `_json` as Arrow string views.

        A filtered stream may contain rows in which every column is NULL, so that DuckDB can cancel a scan that finds
        nothing.
        """
        ...

    @property
    def is_in_files(self) -> bool:
        """Whether `pieces` may have some."""
        ...

    def pieces(self) -> list[Piece]:
        """Its rows as parts of which DuckDB reads some itself; none where it reads none."""
        ...

    def part(self, rows: OtherRows) -> Table:
        """The same table with some of the rows alone."""
        ...

    def record_values(self, column: str, seqs: Sequence[int]) -> Sequence[str | None]:
        """`_json` or `_hash` of rows by their sequence numbers; None for a number that is no row."""
        ...


class TableSnapshot(Protocol):
    """The tables of a store as of one commit."""

    @property
    def version(self) -> object:
        """A value that two snapshots share if they show the same."""
        ...

    @property
    def commit(self) -> int:
        """The number of the commit."""
        ...

    def collections(self) -> list[str]:
        """The names of the collections, oldest first."""
        ...

    def collection(self, name: str) -> Table:
        """The collection of this name."""
        ...

    def system(self, table: str) -> Table:
        """The system table of this name."""
        ...

    def runs(self) -> Runs:
        """What the collection `_runs` says of the runs of prompts."""
        ...


class SnapshotProvider(Protocol):
    """A store, as a provider of snapshots."""

    @property
    def path(self) -> str:
        """The absolute path of the store."""
        ...

    @property
    def given_path(self) -> str:
        """The path as the caller wrote it."""
        ...

    def snapshot(self) -> TableSnapshot:
        """The newest state of the store."""
        ...

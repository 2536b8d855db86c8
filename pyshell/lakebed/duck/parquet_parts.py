"""Which rows of a collection DuckDB reads from Parquet files by itself, and which come through a scan. Pure.

A file has the rows whose records are new in its segment. All others are scanned: those of segments without files, rows
that repeat a record, and rows of files whose columns cannot be cast to those of the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lakebed._sql_text import literal, quoted

__all__ = ["FileRows", "OtherRows", "Piece", "pieces"]

_MOST_GONE = 100
"""Files with more ranges of deleted rows than this are scanned."""
_MOST_PIECES = 32
"""With more pieces than this the rows of the files come first, and then all others."""


class FileRows(NamedTuple):
    """Rows in Parquet files that have the same columns."""

    paths: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    """The SQL of each column and its name; `_hash` and `_json` are not in files."""
    condition: str
    """SQL that the rows that are there pass; empty where all are."""

    def query(self, computed: Mapping[str, str]) -> str:
        """SQL for the rows; `computed` is the SQL of the columns that are not in files."""
        shown = (f"{computed.get(name, sql)} AS {quoted(name)}" for name, sql in self.columns)
        files = ", ".join(literal(path) for path in self.paths)
        where = f" WHERE {self.condition}" if self.condition else ""
        return f"SELECT {', '.join(shown)} FROM read_parquet([{files}]){where}"


class OtherRows(NamedTuple):
    """Rows that are scanned: those from `start` to below `stop` that are not in the files of these segments."""

    start: int
    stop: int | None
    without: tuple[int, ...]


Piece = FileRows | OtherRows


def pieces(types: Mapping[str, str], files: Sequence[Mapping[str, Any]], live: tuple[int, int]) -> list[Piece]:
    """The rows of a collection in their order; none where no file can be read. The last piece is always a scan, if only
    of no rows.

    `types` are the SQL types of the columns, `files` the engine's descriptions of its files, in the order of their
    rows, `live` the first sequence number and the one behind the last.
    """
    readable = [file for file in files if file["columns"] is not None and len(file["gone"]) <= _MOST_GONE]
    if not readable:
        return []
    without = tuple(int(file["segment"]) for file in readable)
    made: list[Piece] = []
    at = live[0]
    for file in readable:
        first, behind = int(file["first_seq"]), int(file["last_seq"]) + 1
        if first > at:
            made.append(OtherRows(at, first, without))
        rows = FileRows((file["path"],), _columns(types, file["columns"]), _condition(file["gone"]))
        last = made[-1] if made else None
        if isinstance(last, FileRows) and last[1:] == rows[1:]:
            made[-1] = rows._replace(paths=(*last.paths, *rows.paths))
        else:
            made.append(rows)
        if behind - first > file["rows"] and behind > at:
            # Between its rows there are others.
            made.append(OtherRows(max(first, at), behind, without))
        at = max(at, behind)
    if len(made) >= _MOST_PIECES:
        at = live[0]
        made = [piece for piece in made if isinstance(piece, FileRows)]
    made.append(OtherRows(at, None if at < live[1] else at, without))
    return made


def _columns(types: Mapping[str, str], found: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    """The name and SQL of each column. `found` is how the file has the typed ones, which come first."""
    columns = []
    for number, (name, kind) in enumerate(types.items()):
        how, source = found[number] if number < len(found) else ("same", name)
        sql = "NULL" if source is None else quoted(source)
        # Parquet has no integers of 128 bits: they are decimals.
        as_it_is = how == "same" and "HUGEINT" not in kind
        columns.append((name, sql if as_it_is else f"CAST({sql} AS {kind})"))
    return tuple(columns)


def _condition(gone: Sequence[tuple[int, int]]) -> str:
    return " AND ".join(f"_seq >= {end}" if start == 0 else f"(_seq < {start} OR _seq >= {end})" for start, end in gone)

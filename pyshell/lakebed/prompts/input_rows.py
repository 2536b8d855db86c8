"""Input rows: from SQL, with the rows of collections that each came from, or from Python."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lakebed._records import to_json
from lakebed._sql_text import literal, quoted
from lakebed.duck.json_text import json_object
from lakebed.duck.struct_types import struct_fields
from lakebed.errors import InvalidArgument
from lakebed.prompts.row_sources import described, source_columns, with_sources
from lakebed.prompts.template import dump, parse

if TYPE_CHECKING:
    import duckdb

_BATCHES_AHEAD = 4
_FIRST_BATCH = 32
_MOST_BATCH = 512
"""Rows of the first batch, and of any batch at most."""
_BATCH_BYTES = 1 << 18
"""About how large a batch is, if it has more rows than one."""
END = object()
"""What `InputRows.poll` returns at the end."""


def _ignore() -> None:
    """Does nothing."""


class InputRow(NamedTuple):
    """A row to prompt over."""

    n: int
    """Its position in the input, from 1."""
    values: dict[str, Any]
    """The columns that are not binary; numbers are `template.Number`."""
    json: str
    """The same as JSON."""
    sources: list[dict[str, Any]]
    """`{"collection", "hash", "seq"}` of each row of a collection that it came from."""
    sources_json: str
    """The same as canonical JSON."""
    blobs: dict[str, bytes]
    """The binary columns."""


class InputRows(Protocol):
    """The rows of a run."""

    columns: list[str]
    children: dict[str, list[str]]
    """The fields of the columns that are structs."""
    why_no_sources: str
    """Why the source rows are not known; empty if they are."""

    def start(self, wake: Callable[[], None] | None = None) -> None:
        """Begins to read. `wake` is called, by any thread, when `poll` may have a row."""
        ...

    def poll(self) -> object:
        """The next row (an `InputRow`), `END`, or None if the next row is not there yet. Raises the errors of the
        query."""
        ...

    def count(self) -> int | None:
        """The number of rows; None if it is not known."""
        ...

    def close(self) -> None:
        """Ends reading."""
        ...


class GivenRows:
    """Rows of a Python iterable, taken one by one as there is room for them. Raises `InvalidArgument` for anything but
    mappings."""

    why_no_sources = "the rows were given, not selected"

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        given = iter(rows)
        first = next(given, None)
        self.columns = [] if first is None else list(_mapping(first))
        self.children: dict[str, list[str]] = {}
        self._given = given
        self._rows = given if first is None else itertools.chain([first], given)
        self._n = 0

    def start(self, wake: Callable[[], None] | None = None) -> None:
        del wake  # `poll` always has a row or the end.

    def poll(self) -> object:
        row = next(self._rows, END)
        if row is END:
            return END
        self._n += 1
        given = _mapping(row)
        blobs = {
            name: bytes(value) for name, value in given.items() if isinstance(value, bytes | bytearray | memoryview)
        }
        values = parse(to_json({name: value for name, value in given.items() if name not in blobs}))
        return InputRow(self._n, values, dump(values), [], "[]", blobs)

    def count(self) -> int | None:
        return None

    def close(self) -> None:
        close = getattr(self._given, "close", None)
        if close is not None:
            close()


def _mapping(row: object) -> Mapping[str, Any]:
    if isinstance(row, Mapping) and all(isinstance(name, str) for name in row):
        return row
    message = f"A row is a mapping from column names to values, not {row!r:.80}."
    raise InvalidArgument(message)


class QueryRows:
    """Rows of a query. A thread reads them, a few batches ahead of their use."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: str, collections: Mapping[str, str]) -> None:
        """`collections` maps the names of views, case-folded, to the names of their collections.

        Raises `InvalidArgument` unless `query` is one SELECT; `duckdb.Error` for a query that DuckDB refuses.
        """
        self._connection = connection.cursor()
        names = ("search_path", "TimeZone")
        # fetchall: a result that is read only in part keeps the transaction of the connection open.
        settings = ", ".join(f"current_setting('{name}')" for name in names)
        (found,) = connection.execute(f"SELECT {settings}").fetchall()
        self._settings = dict(zip(names, found, strict=True))
        try:
            self._copy_settings(self._connection)
            self._prepare(query, collections)
        except BaseException:
            self._connection.close()
            raise
        self._wake: Callable[[], None] = _ignore
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._batch: Iterator[Any] = iter(())
        self._n = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, wake: Callable[[], None] | None = None) -> None:
        self._wake = wake or _ignore
        self._thread = threading.Thread(target=self._read, name="lakebed-rows", daemon=True)
        self._thread.start()

    def _copy_settings(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Gives a cursor the search path and time zone of the connection: cursors do not share settings."""
        for name, value in self._settings.items():
            if value:
                cursor.execute(f"SET {name} = {literal(value)}")

    def _prepare(self, query: str, collections: Mapping[str, str]) -> None:
        statements = self._connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type.name != "SELECT":
            message = "The rows to prompt over come from one SELECT."
            raise InvalidArgument(message)
        query = query.strip().rstrip(";")
        self.query = query
        found = described(self._connection, query)
        self.columns = [name for name, *_ in found]
        self._binary = [name for name, kind, *_ in found if kind == "BLOB"]
        self.children = {
            name: [field.name for field in struct_fields(kind)]
            for name, kind, *_ in found
            if kind.startswith("STRUCT(") and kind.endswith(")")
        }
        inner, names, self.why_no_sources = with_sources(self._connection, query, self.columns, collections)
        self._collections = [(name, dump(name)) for name in names]
        plain = [
            (name, quoted(name), self._connection.sqltype(kind)) for name, kind, *_ in found if name not in self._binary
        ]
        hidden = [name for index in range(len(self._collections)) for name in source_columns(index)]
        shown = [
            json_object(plain),
            *map(quoted, hidden),
            *map(quoted, self._binary),
        ]
        self._sql = f"SELECT {', '.join(shown)} FROM (\n{inner}\n) AS given"

    def count(self) -> int | None:
        """The number of rows. The query runs once for it."""
        cursor = self._connection.cursor()
        try:
            self._copy_settings(cursor)
            row = cursor.execute(f"SELECT count(*) FROM (\n{self.query}\n) AS given").fetchone()
            return int(row[0]) if row else 0
        finally:
            cursor.close()

    def _read(self) -> None:
        try:
            self._connection.execute(self._sql)
            size = _FIRST_BATCH
            while not self._closed and (batch := self._connection.fetchmany(size)):
                size = _next_size(batch)
                self._room.acquire()
                self._ready.put(batch)
                self._wake()
            self._ready.put(END)
        except BaseException as error:  # noqa: BLE001  (`poll` raises it)
            self._ready.put(error)
        self._wake()

    def poll(self) -> object:
        for row in self._batch:
            return self._row(row)
        try:
            batch = self._ready.get_nowait()
        except queue.Empty:
            return None
        if batch is END:
            self._ready.put(END)
            return END
        if isinstance(batch, BaseException):
            raise batch
        self._room.release()
        self._batch = iter(batch)
        return self.poll()

    def _row(self, row: tuple[Any, ...]) -> InputRow:
        self._n += 1
        values = parse(row[0])
        sources, written = [], []
        for index, (collection, quoted_name) in enumerate(self._collections):
            seq, hash = row[1 + 2 * index], row[2 + 2 * index]
            if seq is not None:
                sources.append({"collection": collection, "hash": str(hash), "seq": int(seq)})
                written.append(f'{{"collection":{quoted_name},"hash":"{hash}","seq":{seq}}}')
        blobs: dict[str, bytes] = {}
        if self._binary:
            binary = row[1 + 2 * len(self._collections) :]
            blobs = {name: bytes(value) for name, value in zip(self._binary, binary, strict=True) if value is not None}
        text = row[0]
        # NaN and the infinities, which JSON does not have, become null.
        if ("NaN" in text or "Infinity" in text) and _replace_non_finite(values):
            text = dump(values)
        return InputRow(self._n, values, text, sources, f"[{','.join(written)}]", blobs)

    def close(self) -> None:
        self._closed = True
        self._connection.interrupt()
        for _ in range(_BATCHES_AHEAD):
            self._room.release()
        if self._thread is not None:
            self._thread.join()
        self._connection.close()


def _next_size(batch: list[Any]) -> int:
    """How many rows the next batch has, so that few large rows, or many small ones, wait in memory."""
    size = sum(len(value) for row in batch for value in row if isinstance(value, str | bytes)) + 1
    return max(1, min(_MOST_BATCH, len(batch) * _BATCH_BYTES // size))


def _replace_non_finite(values: Any) -> bool:
    """Replaces NaN and infinities, at any depth, by None. Returns whether there were any."""
    found = False
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in list(items):
        if isinstance(value, dict | list):
            found |= _replace_non_finite(value)
        elif value in ("NaN", "Infinity", "-Infinity") and type(value) is not str:
            values[key] = None
            found = True
    return found

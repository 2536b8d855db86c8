"""Input rows: from SQL, with the rows of collections that each came from, or from Python.

Which rows a result row came from is known when the query picks rows of collections: FROM a collection, or collections joined, without
grouping, aggregates, DISTINCT, UNION or subqueries in FROM. Then `_seq` and `_hash` are asked for beside what the query selects.
"""

from __future__ import annotations

import itertools
import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lakebed._records import to_json
from lakebed.duck.error_positions import one_line_up
from lakebed.duck.names import literal, quoted
from lakebed.duck.struct_types import struct_fields
from lakebed.errors import InvalidArgument
from lakebed.prompts.template import dump, parse

if TYPE_CHECKING:
    import duckdb

_HIDDEN = "__lakebed_"
_BATCH = 32
_AHEAD = 8
END = object()


def _nobody() -> None:
    """Nobody waits."""


class InputRow(NamedTuple):
    """A row to ask about."""

    n: int
    """Its place, from 1."""
    values: dict[str, Any]
    """Columns; numbers are `template.Number`."""
    json: str
    """The same as JSON."""
    sources: list[dict[str, Any]]
    """`{"collection", "seq", "hash"}` of each row it came from."""
    blobs: dict[str, bytes]
    """Columns that are binary."""


class Rows(Protocol):
    """Where input rows come from."""

    columns: list[str]
    children: dict[str, list[str]]
    why_no_sources: str
    """Why the rows' sources are not known; empty when they are."""

    def start(self, wake: Callable[[], None] | None = None) -> None:
        """Begins. `wake` is called, by any thread, when `poll` may have something."""
        ...

    def poll(self) -> object:
        """The next row (an `InputRow`), `END`, or None when there is none yet."""
        ...

    def count(self) -> int | None:
        """How many rows there are; None when nobody knows."""
        ...

    def close(self) -> None: ...


class GivenRows:
    """Rows that Python gives, taken when there is room for them."""

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
        del wake  # There is always something.

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
        return InputRow(self._n, values, dump(values), [], blobs)

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


class SelectedRows:
    """Rows of a query, read by a thread of its own a little ahead of their use."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: str, collections: Mapping[str, str]) -> None:
        """`collections` gives the collection of each view name."""
        self._connection = connection.cursor()
        names = ("search_path", "TimeZone")
        # All rows: a result that is read in part keeps the connection's transaction, and what it sees, open.
        asked = ", ".join(f"current_setting('{name}')" for name in names)
        (found,) = connection.execute(f"SELECT {asked}").fetchall()
        self._settings = dict(zip(names, found, strict=True))
        try:
            self._follow(self._connection)
            self._prepare(query, collections)
        except BaseException:
            self._connection.close()
            raise
        self._wake: Callable[[], None] = _nobody
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._batch: Iterator[Any] = iter(())
        self._n = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, wake: Callable[[], None] | None = None) -> None:
        self._wake = wake or _nobody
        self._thread = threading.Thread(target=self._read, name="lakebed-rows", daemon=True)
        self._thread.start()

    def _follow(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Has a cursor find names and show times as the connection does: cursors do not share settings."""
        for name, value in self._settings.items():
            if value:
                cursor.execute(f"SET {name} = {literal(value)}")

    def _prepare(self, query: str, collections: Mapping[str, str]) -> None:
        found = self._connection.extract_statements(query)
        if len(found) != 1 or found[0].type.name != "SELECT":
            message = "The rows to prompt over come from one SELECT."
            raise InvalidArgument(message)
        query = query.strip().rstrip(";")
        self.query = query
        described = _described(self._connection, query)
        self.columns = [name for name, *_ in described]
        self._binary = [name for name, kind, *_ in described if kind == "BLOB"]
        self.children = {
            name: [field.name for field in struct_fields(kind)]
            for name, kind, *_ in described
            if kind.startswith("STRUCT(") and kind.endswith(")")
        }
        inner, self._origins, self.why_no_sources = self._with_sources(query, collections)
        plain = [name for name in self.columns if name not in self._binary]
        packed = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in plain)
        hidden = [f"{_HIDDEN}{what}_{place}" for place in range(len(self._origins)) for what in ("seq", "hash")]
        shown = [
            f"to_json(struct_pack({packed}))::VARCHAR" if plain else "'{}'",
            *map(quoted, hidden),
            *map(quoted, self._binary),
        ]
        self._sql = f"SELECT {', '.join(shown)} FROM (\n{inner}\n) AS given"

    def _with_sources(self, query: str, collections: Mapping[str, str]) -> tuple[str, list[str], str]:
        """The query that selects its rows' sources too, the collections they are of, and why not."""
        import duckdb

        row = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if tree.get("error"):
            return query, [], "the query cannot be taken apart"
        node = tree["statements"][0]["node"]
        why = _mixes(node)
        tables = [] if why else _tables(node["from_table"])
        if tables is None:
            return query, [], "the query reads from something else than collections"
        if why or not tables:
            return query, [], why or "the query reads from no collection"
        names = []
        for place, (table, alias) in enumerate(tables):
            if table.casefold() not in collections:
                return query, [], f"{table} is no collection"
            names.append(collections[table.casefold()])
            for what in ("seq", "hash"):
                reference = {
                    "class": "COLUMN_REF",
                    "type": "COLUMN_REF",
                    "query_location": 0,
                    "column_names": [alias, f"_{what}"],
                }
                node["select_list"].append({**reference, "alias": f"{_HIDDEN}{what}_{place}"})
        try:
            told = self._connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
            sql = str(told[0]).rstrip().rstrip(";") if told else query
            described = _described(self._connection, sql)
        except duckdb.Error:
            return query, [], "the query combines rows"
        if [name for name, *_ in described][: len(self.columns)] != self.columns:
            return query, [], "the query cannot be taken apart"
        return sql, names, ""

    def count(self) -> int | None:
        """How many rows there are: the query runs once for this."""
        cursor = self._connection.cursor()
        try:
            self._follow(cursor)
            row = cursor.execute(f"SELECT count(*) FROM (\n{self.query}\n) AS given").fetchone()
            return int(row[0]) if row else 0
        finally:
            cursor.close()

    def _read(self) -> None:
        try:
            self._connection.execute(self._sql)
            while not self._closed and (batch := self._connection.fetchmany(_BATCH)):
                self._room.acquire()
                self._ready.put(batch)
                self._wake()
            self._ready.put(END)
        except BaseException as error:  # noqa: BLE001  (raised again where the rows are taken)
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
        sources = []
        for place, collection in enumerate(self._origins):
            seq, hash = row[1 + 2 * place : 3 + 2 * place]
            if seq is not None:
                sources.append({"collection": collection, "seq": int(seq), "hash": str(hash)})
        binary = row[1 + 2 * len(self._origins) :]
        blobs = {name: bytes(value) for name, value in zip(self._binary, binary, strict=True) if value is not None}
        # NaN and the infinities, which JSON does not have, become null.
        text = row[0] if not _odd(values) else dump(values)
        return InputRow(self._n, values, text, sources, blobs)

    def close(self) -> None:
        self._closed = True
        self._connection.interrupt()
        for _ in range(_AHEAD):
            self._room.release()
        if self._thread is not None:
            self._thread.join()
        self._connection.close()


def _described(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The columns of a query; errors point into it as it was written."""
    import duckdb

    try:
        return connection.execute(f"DESCRIBE SELECT * FROM (\n{query}\n) AS given").fetchall()
    except duckdb.Error as problem:
        raise one_line_up(problem) from None


def _odd(values: Any) -> bool:
    """Replaces numbers that are none in JSON; whether there were any."""
    found = False
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in list(items):
        if isinstance(value, dict | list):
            found |= _odd(value)
        elif value in ("NaN", "Infinity", "-Infinity") and type(value) is not str:
            values[key] = None
            found = True
    return found


def _mixes(node: dict[str, Any]) -> str:
    """Why the rows of a query are not rows of its tables; empty when they may be."""
    if node.get("type") != "SELECT_NODE":
        return "the query combines several"
    if node["cte_map"]["map"]:
        return "the query has a WITH"
    if (
        node["group_expressions"]
        or node["group_sets"]
        or node["having"]
        or node["aggregate_handling"] != "STANDARD_HANDLING"
    ):
        return "the query groups rows"
    if any("DISTINCT" in modifier["type"] for modifier in node["modifiers"]):
        return "the query has a DISTINCT"
    return ""


def _tables(table: dict[str, Any]) -> list[tuple[str, str]] | None:
    """The tables of FROM with the names they go by; None when there is something else."""
    match table.get("type"):
        case "BASE_TABLE" if table["table_name"]:
            return [(table["table_name"], table["alias"] or table["table_name"])]
        case "JOIN":
            left = _tables(table["left"])
            right: list[tuple[str, str]] | None = []
            if table.get("join_type") not in ("SEMI", "ANTI"):
                right = _tables(table["right"])
            return None if left is None or right is None else left + right
    return None

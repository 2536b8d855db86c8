"""Running one SQL statement: its rows as texts, streamed.

DuckDB itself turns values into text, exactly and fast; what that text is depends on the format it is for.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lakebed._cli.render import Column, Row, described

if TYPE_CHECKING:
    import duckdb

_BATCH = 2048


class QueryFailed(Exception):
    """DuckDB refused or failed; the message is DuckDB's."""


# What DuckDB puts around an error of the engine in the middle of a scan.
_WRAPPING = re.compile(
    r"^Invalid Input Error: (?:reading the Arrow source failed|exporting a stream from the Arrow source failed|"
    r"arrow_scan: get_next failed\(\)): (?:\w+: )?(?:External error: )?"
)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turns DuckDB's errors into `QueryFailed`, and its word for an interruption into `KeyboardInterrupt`."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as problem:
        raise QueryFailed(re.sub(_WRAPPING, "", str(problem))) from problem
    except RuntimeError as problem:
        if "interrupted" in str(problem).lower():
            raise KeyboardInterrupt from None
        raise


class Result(NamedTuple):
    """Columns and rows of texts."""

    columns: list[Column]
    rows: Iterator[Any]
    is_json: list[bool]
    """Which columns are text of JSON."""
    kind: str
    """DuckDB's name for the kind of statement: `SELECT`, `EXPLAIN`."""


@dataclass(frozen=True)
class Whole:
    """A query that DuckDB takes apart into several statements, a PIVOT, as the one that it is; it looks like DuckDB's own."""

    query: str
    type: Any
    expected_result_type: Any


def statements(connection: duckdb.DuckDBPyConnection, sql: str) -> Sequence[Any]:
    """The statements of a text as DuckDB parses them."""
    import duckdb

    found = connection.extract_statements(sql)
    if all(one.query and one.type.name != "MULTI" for one in found):
        return found
    try:
        (query,) = connection.extract_statements("FROM (SELECT 1)")
        connection.extract_statements(f"FROM (\n{bare(sql)}\n)")
    except duckdb.ParserException:
        return found
    return [Whole(sql, query.type, query.expected_result_type)]


def relation(connection: duckdb.DuckDBPyConnection, statement: Any) -> Any:
    """The relation of a query."""
    from lakebed.duck.table_scan import has_pushdown

    # DuckDB 2 points at the place of an error when it is given text; DuckDB 1.x has none of some statements.
    return connection.sql(statement.query if has_pushdown() or isinstance(statement, Whole) else statement)


def has_rows(statement: Any) -> bool:
    """Whether a statement gives rows."""
    kinds = {kind.name for kind in statement.expected_result_type}
    return "QUERY_RESULT" in kinds and statement.type.name not in ("COPY", "CREATE", "CREATE_FUNC")


def run(
    connection: duckdb.DuckDBPyConnection, statement: Any, form: str, *, first: int | None = None, screen: bool = False
) -> Result | None:
    """The rows of a statement as texts for this format; None when it turns out to have none.

    `first` asks for so many rows only, which DuckDB then finds without looking for the others. For a `screen`, binary data is described
    and, in a table, a text of many pages is its beginning.
    """
    if statement.type.name == "SELECT":
        return _select(connection, statement, form, first, screen)
    return _other(connection, statement)


def _select(
    connection: duckdb.DuckDBPyConnection, statement: Any, form: str, first: int | None, screen: bool
) -> Result:
    import duckdb

    from lakebed.duck.blob_preview import glanced

    try:
        found = relation(connection, statement)
    except duckdb.Error as problem:
        raise _placed(connection, statement.query, problem) from None
    columns = [Column(name, str(kind)) for name, kind in zip(found.columns, found.types, strict=True)]
    sql = bare(statement.query)
    types = [column.type for column in columns]
    if screen and "BLOB" in types and (short := glanced(connection, statement.query)) is not None:
        sql, found = short, connection.sql(short)
        types = [str(kind) for kind in found.types]
    values = [
        # What is shown of the data comes ready-made at a glance.
        f"#{index}" if column.type == "BLOB" and kind != "BLOB" else _expression(index, column.type, form, screen)
        for index, (column, kind) in enumerate(zip(columns, types, strict=True), 1)
    ]
    if hasattr(found, "fetchmany"):
        # A relation of DuckDB 1.x streams.
        shown = found.project(", ".join(values))
        rows = _unplaced(_fetched(shown if first is None else shown.limit(first)))
    else:
        del found
        # The statement stands on lines of its own, so that the lines in errors are the user's, plus one.
        limit = "" if first is None else f" LIMIT {first}"
        rows = _wrapped(connection, f"SELECT {', '.join(values)} FROM (\n{sql}\n) AS result{limit}")
    rows = _readable(columns, rows) if screen else rows
    return Result(columns, rows, [_is_json(column.type) for column in columns], "SELECT")


def _readable(columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[Row]:
    """The rows with binary data described, of which they hold length and first bytes."""
    binary = [index for index, column in enumerate(columns) if column.type == "BLOB"]
    if not binary:
        yield from rows
        return
    for row in rows:
        cells = list(row)
        for index in binary:
            value = cells[index]
            if value is not None:
                length, _, beginning = value.partition(" ")
                cells[index] = described(int(length), bytes.fromhex(beginning))
        yield cells


def _wrapped(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Any]:
    import duckdb

    try:
        connection.execute(sql)
        yield from _fetched(connection)
    except duckdb.Error as problem:
        raise _moved(problem) from None


def _unplaced(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows; an error in them without its place, which DuckDB 1.x takes from a statement that is none of the user's."""
    import duckdb

    try:
        yield from rows
    except duckdb.Error as problem:
        raise type(problem)(re.sub(r"\n+LINE \d+: .*", "", str(problem), flags=re.DOTALL)) from None


def _moved(problem: duckdb.Error) -> duckdb.Error:
    """The error of a statement that had a line put before it, with the lines that the user knows."""
    text = re.sub(r"^LINE (\d+): ", lambda found: f"LINE {int(found[1]) - 1}: ", str(problem), flags=re.MULTILINE)
    return type(problem)(text)


def _placed(connection: duckdb.DuckDBPyConnection, sql: str, problem: duckdb.Error) -> duckdb.Error:
    """The error with its place in the statement: DuckDB leaves that out for a relation, and knows it when asked to explain."""
    import duckdb

    if "\nLINE " in str(problem):
        return problem
    try:
        connection.execute(f"EXPLAIN\n{sql}")
    except duckdb.Error as again:
        return _moved(again)
    return problem


def _fetched(result: Any) -> Iterator[Any]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _other(connection: duckdb.DuckDBPyConnection, statement: Any) -> Result | None:
    """The rows of any other statement that has some: EXPLAIN, PRAGMA, CALL, INSERT ... RETURNING."""
    connection.execute(statement)
    described = connection.description or []
    rows = connection.fetchall()
    names = [item[0] for item in described]
    if names in (["Count"], ["Success"]):
        return None
    columns = [Column(item[0], str(item[1])) for item in described]
    texts = ([None if value is None else str(value) for value in row] for row in rows)
    return Result(columns, texts, [column.is_number for column in columns], statement.type.name)


_PLAIN_JSON = ("BOOLEAN", "JSON")
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


def _is_nested(kind: str) -> bool:
    return kind.startswith(_NESTED) or kind.endswith("]")


def _is_json(kind: str) -> bool:
    return kind in _PLAIN_JSON or _is_nested(kind) or Column("", kind).is_number


_PAGES = 4096
"""Characters of a cell that a table on a screen looks at."""


def _expression(index: int, kind: str, form: str, screen: bool) -> str:
    """A value as text. For JSON: as the text of JSON, or of a string where `_is_json` says so; numbers keep all their digits."""
    if kind == "BLOB":
        if form in ("json", "ndjson"):
            return f"to_base64(#{index})"
        # Its length and first bytes: `_readable` says what they are.
        return f"octet_length(#{index}) || ' ' || hex(#{index}[1:32])" if screen else f"#{index}::VARCHAR"
    if _is_nested(kind) and (screen or form in ("json", "ndjson", "vertical")):
        return f"to_json(#{index})::VARCHAR"
    if screen and form == "table":
        return f"left(#{index}::VARCHAR, {_PAGES})"
    return f"#{index}::VARCHAR"


def bare(sql: str) -> str:
    """The statement without the semicolon at its end, which may stand before comments."""
    import duckdb

    data = sql.encode()
    end = len(data)
    tokens = list(duckdb.tokenize(sql))
    for offset, kind in reversed(tokens):
        piece = data[offset:end].strip()
        if "comment" not in str(kind).lower():
            if piece == b";" or piece.startswith(b";"):
                return bare(data[:offset].decode())
            break
        end = offset
    return sql

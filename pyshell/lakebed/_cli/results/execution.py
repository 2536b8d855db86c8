"""Runs one SQL statement and gives its rows as text, streamed.

DuckDB turns values into text, exactly and fast; which text depends on the format it is for.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from lakebed._cli.messages.error_output import CommandFailed
from lakebed._cli.render import Column, Row, described
from lakebed._cli.results.hints import with_hint
from lakebed._cli.results.python_values import value_text
from lakebed._cli.results.totals import Rest, rest_of
from lakebed._duckdb import HAS_RELATIONS, duckdb
from lakebed.duck.error_positions import one_line_up
from lakebed.duck.json_text import json_text

if TYPE_CHECKING:
    from lakebed._cli.language.statements import Statement

_BATCH = 2048
"""Rows that are fetched from DuckDB at a time."""


class QueryFailed(CommandFailed):
    """DuckDB refused a statement, or failed in it; the message is DuckDB's."""


# What DuckDB puts around an error of the engine in the middle of a scan.
_WRAPPING = re.compile(
    r"^Invalid Input Error: (?:reading the Arrow source failed|exporting a stream from the Arrow source failed|"
    r"arrow_scan: get_next failed\(\)): (?:\w+: )?(?:External error: )?"
)


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turns DuckDB's errors into `QueryFailed`, and its error for an interruption into `KeyboardInterrupt`."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as problem:
        raise QueryFailed(with_hint(re.sub(_WRAPPING, "", str(problem)))) from problem
    except RuntimeError as problem:
        if "interrupted" in str(problem).lower():
            raise KeyboardInterrupt from None
        raise


class Result(NamedTuple):
    """Columns and rows of text."""

    columns: list[Column]
    rows: Iterator[Any]
    is_json: list[bool]
    """Of each column, whether its texts are JSON."""
    kind: str
    """DuckDB's name for the kind of statement: `SELECT`, `EXPLAIN`."""
    rest: Callable[[int], Rest | None] = lambda _last: None
    """Finds the number of all rows and this many of the last, where that is cheap, once the first have been read. Not
    for a connection in a transaction, which it might end."""


class Parsed(Protocol):
    """A statement that DuckDB has parsed: the attributes of `duckdb.Statement` that are used here."""

    @property
    def query(self) -> str:
        """The SQL."""
        ...

    @property
    def type(self) -> Any:
        """The kind of statement."""
        ...

    @property
    def expected_result_type(self) -> Any:
        """The kinds of result that it may have."""
        ...


@dataclass(frozen=True)
class _Compound:
    """A query that DuckDB turns into several statements, such as PIVOT, as one."""

    query: str
    type: Any
    expected_result_type: Any


def parsed(connection: duckdb.DuckDBPyConnection, statement: Statement) -> Sequence[Any]:
    """The statements that DuckDB makes of a statement's SQL, each a `Parsed`: one, unless several have to be run.

    Raises `duckdb.Error` when DuckDB's parser refuses it.
    """
    found = statement.parsed if statement.parsed is not None else connection.extract_statements(statement.sql)
    return _as_one(connection, statement.sql, found)


def parsed_query(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The one statement that a query without a semicolon is, a `Parsed`.

    Raises `duckdb.Error` when DuckDB's parser refuses it.
    """
    (only,) = _as_one(connection, sql, connection.extract_statements(sql))
    return only


def _as_one(connection: duckdb.DuckDBPyConnection, sql: str, found: Sequence[Any]) -> Sequence[Any]:
    """The statements that were found; where DuckDB made several of one query, that query."""
    if all(one.query and one.type.name != "MULTI" for one in found):
        return found
    try:
        (query,) = connection.extract_statements("FROM (SELECT 1)")
        connection.extract_statements(f"FROM (\n{sql}\n)")
    except duckdb.ParserException:
        return found
    return [_Compound(sql, query.type, query.expected_result_type)]


def relation(connection: duckdb.DuckDBPyConnection, statement: Any) -> Any:
    """The relation of a query, a `Parsed`.

    Raises `duckdb.Error`.
    """
    # The package gives connections of DuckDB 2 their relations.
    import duckdb as _  # noqa: F401

    # DuckDB 2 gives the place of an error when it gets the text. DuckDB 1.x makes no relation from the text of some
    # statements.
    text = statement if HAS_RELATIONS and not isinstance(statement, _Compound) else statement.query
    return _with_all_names(connection, lambda: connection.sql(text))


def execute(connection: duckdb.DuckDBPyConnection, statement: Any) -> None:
    """Runs a statement, a `Parsed`, whose rows are not read through a relation.

    Raises `duckdb.Error`.
    """
    _with_all_names(connection, lambda: connection.execute(statement))


_Made = TypeVar("_Made")


def _with_all_names(connection: duckdb.DuckDBPyConnection, run: Callable[[], _Made]) -> _Made:
    """The result of `run`; where DuckDB misses a name, after everything in the store has got one: a view or macro of
    the user's may use it, and the error is to suggest similar names."""
    try:
        return run()
    except duckdb.CatalogException:
        from lakebed.duck.connection import show_everything

        if not show_everything(connection):
            raise
    return run()


def in_transaction(statement: Parsed, before: bool) -> bool:
    """Whether the connection is in a transaction of the user's after a statement, if it was `before`."""
    if statement.type.name != "TRANSACTION":
        return before
    return statement.query.lstrip().lower().startswith(("begin", "start"))


def returns_rows(statement: Parsed) -> bool:
    """Whether a statement has a result with rows."""
    kinds = {kind.name for kind in statement.expected_result_type}
    return "QUERY_RESULT" in kinds and statement.type.name not in ("COPY", "CREATE", "CREATE_FUNC")


def run(
    connection: duckdb.DuckDBPyConnection,
    statement: Parsed,
    form: str,
    *,
    first: int | None = None,
    screen: bool = False,
    stored: bool = False,
) -> Result | None:
    """The result of a statement as text for the format `form`; None when it turns out to have no rows.

    `first` limits the number of rows, and DuckDB stops when it has found them. For a `screen`, binary data is
    described. For rows that are `stored`, an infinity is an error.

    Raises `duckdb.Error`, also while rows are read.
    """
    if statement.type.name == "SELECT":
        return _run_query(connection, statement, form, first, screen, stored)
    return _run_other(connection, statement, form)


def _run_query(
    connection: duckdb.DuckDBPyConnection, statement: Parsed, form: str, first: int | None, screen: bool, stored: bool
) -> Result:
    from lakebed.duck.blob_preview import with_previews

    sql = statement.query
    columns = described_columns(connection, statement)
    source = relation(connection, statement) if HAS_RELATIONS else None
    types = _kinds(connection, columns) if source is None else list(source.types)
    if (
        screen
        and any(column.type == "BLOB" for column in columns)
        and (preview := with_previews(connection, sql)) is not None
    ):
        sql = preview
        source = connection.sql(sql) if HAS_RELATIONS else None
        types = _kinds(connection, _described(connection, sql)) if source is None else list(source.types)
    values = [
        # A preview has the length and the first bytes in place of binary data.
        f"#{index}"
        if column.type == "BLOB" and str(kind) != "BLOB"
        else _expression(index, kind, form, screen, column.name if stored else None)
        for index, (column, kind) in enumerate(zip(columns, types, strict=True), 1)
    ]
    if source is not None:
        shown = source.project(", ".join(values))
        rows = _without_positions(_fetched(shown if first is None else shown.limit(first)))
    else:
        # The statement begins on a line of its own, so that the lines in errors are those of the user, plus one.
        limit = "" if first is None else f" LIMIT {first}"
        rows = _run_wrapped(connection, f"SELECT {', '.join(values)} FROM (\n{sql}\n) AS result{limit}")

    def rest(last: int) -> Rest | None:
        found = rest_of(connection, sql, ", ".join(values), last)
        return found and found._replace(last=list(_shown(columns, iter(found.last), screen)))

    return Result(columns, _shown(columns, rows, screen), [_is_json(one.type) for one in columns], "SELECT", rest)


def _shown(columns: Sequence[Column], rows: Iterator[Row], screen: bool) -> Iterator[Row]:
    """The rows as they are shown."""
    return _described_blobs(columns, rows) if screen else rows


def described_columns(connection: duckdb.DuckDBPyConnection, statement: Parsed) -> list[Column]:
    """The columns of a query.

    Raises `duckdb.Error` when DuckDB refuses it.
    """
    if HAS_RELATIONS:
        try:
            return _of_relation(relation(connection, statement))
        except duckdb.Error as problem:
            raise _with_position(connection, statement.query, problem) from None
    return _with_all_names(connection, lambda: _described(connection, statement.query))


def _kinds(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[Any]:
    """The types of columns, as DuckDB's objects. DuckDB 1.x cannot read all names that it gives its types."""
    return [connection.sqltype(column.type) for column in columns]


def _of_relation(found: Any) -> list[Column]:
    return [Column(name, str(kind)) for name, kind in zip(found.columns, found.types, strict=True)]


def _described(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Column]:
    try:
        # The statement begins on a line of its own, as in `_run_query`.
        found = connection.execute(f"DESCRIBE\n{sql}").fetchall()
    except duckdb.Error as problem:
        raise one_line_up(problem) from None
    return [Column(str(name), str(kind)) for name, kind, *_ in found]


def _described_blobs(columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[Row]:
    """The rows with binary data described; they hold its length and first bytes."""
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


def _run_wrapped(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Any]:
    """The rows of a query that has one line before the user's text."""
    try:
        connection.execute(sql)
        yield from _fetched(connection)
    except duckdb.Error as problem:
        raise one_line_up(problem) from None


def _without_positions(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows; an error in them has no position, which DuckDB 1.x takes from a statement that the user has not
    written."""
    try:
        yield from rows
    except duckdb.Error as problem:
        raise type(problem)(re.sub(r"\n+LINE \d+: .*", "", str(problem), flags=re.DOTALL)) from None


def _with_position(connection: duckdb.DuckDBPyConnection, sql: str, problem: duckdb.Error) -> duckdb.Error:
    """The error with its position in the statement. DuckDB omits it for a relation, and gives it in an EXPLAIN."""
    if "\nLINE " in str(problem):
        return problem
    try:
        connection.execute(f"EXPLAIN\n{sql}")
    except duckdb.Error as again:
        return one_line_up(again)
    return problem


def _fetched(result: Any) -> Iterator[Any]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _run_other(connection: duckdb.DuckDBPyConnection, statement: Any, form: str) -> Result | None:
    """The result of any other statement with rows: EXECUTE, EXPLAIN, PRAGMA, CALL, INSERT ... RETURNING."""
    execute(connection, statement)
    description = connection.description or []
    if [item[0] for item in description] in (["Count"], ["Success"]):
        return None
    kinds: list[Any] = [item[1] for item in description]
    columns = [Column(item[0], str(item[1])) for item in description]
    as_json = form in ("json", "ndjson")
    texts = (
        [value_text(value, kind, json=as_json) for value, kind in zip(row, kinds, strict=True)]
        for row in _fetched(connection)
    )
    return Result(columns, texts, [_is_json(column.type) for column in columns], statement.type.name)


_JSON_AS_TEXT = ("BOOLEAN", "JSON")
"""The types, numbers apart, whose text is JSON."""
_NESTED = ("STRUCT", "TUPLE", "MAP", "UNION", "VARIANT")


def _is_nested(type_name: str) -> bool:
    return type_name.startswith(_NESTED) or type_name.endswith("]")


def _is_json(type_name: str) -> bool:
    return type_name in _JSON_AS_TEXT or _is_nested(type_name) or Column("", type_name).is_number


def _expression(index: int, kind: Any, form: str, screen: bool, finite: str | None) -> str:
    """SQL for the text of a column of this DuckDB type. Of nested types it is JSON; in JSON formats it is JSON where
    `_is_json` says so. Numbers keep all their digits."""
    type_name = str(kind)
    if type_name == "BLOB":
        if form in ("json", "ndjson"):
            return f"to_base64(#{index})"
        # The length and the first bytes, for `_described_blobs`.
        return f"octet_length(#{index}) || ' ' || hex(#{index}[1:32])" if screen else f"#{index}::VARCHAR"
    if _is_nested(type_name) or (finite is not None and type_name in ("FLOAT", "DOUBLE")):
        return json_text(f"#{index}", kind, finite=finite)
    return f"#{index}::VARCHAR"

"""`lakebed query`: SQL in, results out, row by row as DuckDB finds them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from lakebed import render
from lakebed.commands.context import Context, unreadable
from lakebed.commands.output import write_json, write_text
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

_BATCH = 2048


def query(
    context: Context,
    sql: str | None,
    command: str | None,
    file: str | None,
    format: str | None,
    output: str | None,
    rows: int | None,
    database: str | None,
) -> int | None:
    """Runs every statement and writes the result of each that has one."""
    import duckdb

    from lakebed.duck.interrupt import interruptible

    text = _statements(sql, command, file)
    form = context.format(format, output)
    connection = _connect(context, database)
    try:
        with context.output(output) as target, interruptible(connection):
            return _run(context, connection, text, form, target, rows, to_file=output is not None)
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as problem:
        message = re.sub(_WRAPPING, "", str(problem))
        raise QueryFailed(message) from problem
    except RuntimeError as problem:
        if "interrupted" in str(problem).lower():
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.close()


class QueryFailed(Exception):
    """DuckDB refused or failed; the message is DuckDB's."""


# What DuckDB puts around an error of the engine in the middle of a scan.
_WRAPPING = re.compile(
    r"^Invalid Input Error: (?:reading the Arrow source failed|exporting a stream from the Arrow source failed|"
    r"arrow_scan: get_next failed\(\)): (?:\w+: )?(?:External error: )?"
)


def _connect(context: Context, database: str | None) -> duckdb.DuckDBPyConnection:
    import lakebed

    with context.naming_the_store():
        # Variables of this program are not tables of the user.
        connection: duckdb.DuckDBPyConnection = lakebed.connect(
            context.settings.store,
            database or ":memory:",
            {"python_enable_replacements": False, "allow_unsigned_extensions": True},
        )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _statements(sql: str | None, command: str | None, file: str | None) -> str:
    given = [text for text in (sql, command) if text is not None]
    if len(given) + (file is not None) > 1:
        message = "Give the statements once: as an argument, with -c or with -f."
        raise InvalidArgument(message)
    if file is not None and file != "-":
        try:
            return Path(file).read_text(encoding="utf-8-sig")
        except OSError as problem:
            raise unreadable(file, problem) from problem
        except UnicodeDecodeError as problem:
            message = f"{file} is not UTF-8 text: {problem.reason} at byte {problem.start}."
            raise InvalidArgument(message) from problem
    if given:
        return given[0]
    if file is None and sys.stdin.isatty():
        message = 'There is no statement: try lakebed query "SELECT count(*) FROM events".'
        raise InvalidArgument(message)
    return sys.stdin.read()


def _run(
    context: Context,
    connection: duckdb.DuckDBPyConnection,
    text: str,
    form: str,
    target: IO[bytes],
    rows: int | None,
    *,
    to_file: bool,
) -> int | None:
    statements = connection.extract_statements(text)
    if not statements:
        message = 'There is no statement: try lakebed query "SELECT count(*) FROM events".'
        raise InvalidArgument(message)
    results = 0
    for statement in statements:
        kinds = {kind.name for kind in statement.expected_result_type}
        if "QUERY_RESULT" not in kinds or statement.type.name in ("COPY", "CREATE", "CREATE_FUNC"):
            connection.execute(statement)
            continue
        results += 1
        if results > 1 and form == "parquet":
            message = "A Parquet file holds one result: give one query."
            raise InvalidArgument(message)
        if form == "parquet":
            _write_parquet(connection, statement, target)
            continue
        result = (
            _select(connection, statement, form) if statement.type.name == "SELECT" else _other(connection, statement)
        )
        if result is None:
            continue
        out = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=False)
        try:
            if statement.type.name == "EXPLAIN" and form == "table":
                out.writelines(f"{row[-1]}\n" for row in result.rows)
            elif form in ("json", "ndjson"):
                write_json(form, result.columns, result.rows, result.is_json, out)
            else:
                write_text(context, form, result.columns, result.rows, out, limit=rows, to_file=to_file)
            out.flush()
        finally:
            # The stream is not this wrapper's to close; what a broken pipe left in it is dropped.
            with contextlib.suppress(BrokenPipeError):
                out.detach()
    return None


class _Result(NamedTuple):
    columns: list[render.Column]
    rows: Iterator[Any]
    is_json: list[bool]


def _select(connection: duckdb.DuckDBPyConnection, statement: Any, form: str) -> _Result:
    """The rows of a SELECT as text, streamed: DuckDB itself turns values into text, exactly and fast."""
    from lakebed.duck.source import has_pushdown

    # DuckDB 2 points at the place of an error when it is given text; DuckDB 1.x has no text of a PIVOT that it took apart.
    relation: Any = connection.sql(statement.query if has_pushdown() else statement)
    columns = [render.Column(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
    as_json = form in ("json", "ndjson")
    values = [
        _json_expression(index, column.type) if as_json else f"#{index}::VARCHAR"
        for index, column in enumerate(columns, 1)
    ]
    if hasattr(relation, "fetchmany"):
        # A relation of DuckDB 1.x streams.
        rows = _fetched(relation.project(", ".join(values)))
    else:
        del relation
        # The statement stands on lines of its own, so that the lines in errors are the user's, plus one.
        rows = _wrapped(connection, f"SELECT {', '.join(values)} FROM (\n{_bare(statement.query)}\n) AS result")
    return _Result(columns, rows, [_is_json(column.type) for column in columns])


def _wrapped(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Any]:
    import duckdb

    try:
        connection.execute(sql)
        yield from _fetched(connection)
    except duckdb.Error as problem:
        moved = re.sub(r"^LINE (\d+): ", lambda found: f"LINE {int(found[1]) - 1}: ", str(problem), flags=re.MULTILINE)
        raise type(problem)(moved) from None


def _fetched(result: Any) -> Iterator[Any]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _other(connection: duckdb.DuckDBPyConnection, statement: Any) -> _Result | None:
    """The rows of any other statement that has some: EXPLAIN, PRAGMA, CALL, PIVOT, INSERT ... RETURNING."""
    connection.execute(statement)
    described = connection.description or []
    rows = connection.fetchall()
    names = [item[0] for item in described]
    if names in (["Count"], ["Success"]):
        return None
    columns = [render.Column(item[0], str(item[1])) for item in described]
    texts = ([None if value is None else str(value) for value in row] for row in rows)
    return _Result(columns, texts, [column.is_number for column in columns])


_PLAIN_JSON = ("BOOLEAN", "JSON")
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


def _is_nested(kind: str) -> bool:
    return kind.startswith(_NESTED) or kind.endswith("]")


def _is_json(kind: str) -> bool:
    return kind in _PLAIN_JSON or _is_nested(kind) or render.Column("", kind).is_number


def _json_expression(index: int, kind: str) -> str:
    """A value as the text of JSON, or of a string where `_is_json` says so. Numbers keep all their digits."""
    if _is_nested(kind):
        return f"to_json(#{index})::VARCHAR"
    if kind == "BLOB":
        return f"to_base64(#{index})"
    return f"#{index}::VARCHAR"


def _bare(sql: str) -> str:
    """The statement without the semicolon at its end, which may stand before comments."""
    import duckdb

    data = sql.encode()
    end = len(data)
    tokens = list(duckdb.tokenize(sql))
    for offset, kind in reversed(tokens):
        piece = data[offset:end].strip()
        if "comment" not in str(kind).lower():
            if piece == b";" or piece.startswith(b";"):
                return _bare(data[:offset].decode())
            break
        end = offset
    return sql


def _write_parquet(connection: duckdb.DuckDBPyConnection, statement: Any, target: IO[bytes]) -> None:
    """Parquet needs a file to seek in, so it is written aside and copied."""
    if target is sys.stdout.buffer and sys.stdout.isatty():
        message = "Parquet is binary: give -o FILE, or a pipe."
        raise InvalidArgument(message)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "result.parquet")  # noqa: PTH118
        connection.sql(statement).write_parquet(path, compression="zstd")
        with open(path, "rb") as written:  # noqa: PTH123
            while piece := written.read(1 << 20):
                target.write(piece)

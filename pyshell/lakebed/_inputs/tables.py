"""Tables in other formats as lines of JSON, through DuckDB's readers: one object a row, in the order of the file.

The first line of a CSV file names the columns and tells the delimiter, which is a comma, semicolon, tab or bar. A cell
is text, and nothing of it is lost. A column is written as numbers, with the digits they have, if
each of its cells is a JSON number; as true and false if each is one of these; else as strings. An empty cell is null, a
quoted empty one an empty string. Rows of a Parquet file are written as `append` writes a table.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from csv import reader
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lakebed._inputs import names
from lakebed._inputs.unpack import BZ2, XZ, unpacked
from lakebed._packages import required
from lakebed._relations import with_exact_types
from lakebed._sql_text import literal, quoted
from lakebed.errors import BadRecord

if TYPE_CHECKING:
    import duckdb

__all__ = ["opener"]

_ROWS = 8192
_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"


class _Lines:
    """A file object of the lines that a query gives, a column of text."""

    def __init__(self, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        self.name = name
        self._connection = connection

    def read1(self, size: int = -1) -> bytes:
        """The next lines; empty at the end. `size` is not kept to."""
        del size
        with _errors(self.name):
            rows = self._connection.fetchmany(_ROWS)
        return b"".join(row[0].encode() + b"\n" for row in rows)

    def close(self) -> None:
        """Closes the query."""
        self._connection.close()


def opener(path: str, name: str, begin: bytes) -> Callable[[], Any] | None:
    """A function that opens the rows of a file with this beginning as lines; None for a file that is no table."""
    form = names.suffixes(name)[0]
    if begin.startswith(b"PAR1"):
        return lambda: parquet(path, name)
    if form in (".csv", ".tsv"):
        return lambda: csv(path, name, form, begin)
    return None


def csv(path: str, name: str, form: str, begin: bytes) -> Any:
    """The rows of a CSV or TSV file, whose first line names the columns."""
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = f"{name} is UTF-16 text; convert it first (iconv -f UTF-16 -t UTF-8)."
        raise BadRecord(message)
    if begin.startswith((XZ, BZ2)):
        return _of_copy(unpacked(Path(path).open("rb"), name), name, form)
    if begin.startswith(b"\x1f\x8b"):
        compression = "gzip"
    elif begin.startswith(b"\x28\xb5\x2f\xfd"):
        compression = "zstd"
    else:
        compression = "none"
    connection = _connection()
    with _errors(name):
        # Nothing is guessed but the delimiter: a guess may leave out rows.
        given = f"auto_detect = false, compression = '{compression}', null_padding = false"
        first = connection.execute(
            f"SELECT line FROM read_csv({literal(path)}, {given}, header = false, columns = {{'line': 'VARCHAR'}}, "
            "delim = '\x01', quote = '', escape = '') LIMIT 1"
        ).fetchone()
        if first is None or not first[0]:
            message = f"{name} has no first line with the names of its columns."
            raise BadRecord(message)
        columns, delimiter = _header(first[0], form)
        types = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns)
        rows = (
            f"read_csv({literal(path)}, {given}, header = true, columns = {{{types}}}, delim = {literal(delimiter)}, quote = '\"', "
            "escape = '\"', allow_quoted_nulls = false)"
        )
        tests = [
            f"coalesce(bool_and(regexp_full_match({quoted(column)}, {literal(test)})), false)"
            for column in columns
            for test in (_NUMBER, "true|false")
        ]
        found = connection.execute(f"SELECT {', '.join(tests)} FROM {rows}").fetchone() or ()
        parts = []
        for index, column in enumerate(columns):
            plain = found[2 * index] or found[2 * index + 1]
            value = quoted(column) if plain else f"CAST(to_json({quoted(column)}) AS VARCHAR)"
            comma = "," if index else "{"
            key = comma + json.dumps(column, ensure_ascii=False) + ":"
            parts.append(f"{literal(key)} || coalesce({value}, 'null')")
        connection.execute(f"SELECT {' || '.join(parts)} || '}}' FROM {rows}")
    return _Lines(name, connection)


def _header(line: str, form: str) -> tuple[list[str], str]:
    """The names of the columns, made different, and the delimiter: of the usual ones that with the most columns."""
    line = line.removeprefix("\ufeff").rstrip("\r\n")
    parsed = {
        delimiter: next(reader([line], delimiter=delimiter), []) for delimiter in ("\t" if form == ".tsv" else ",;\t|")
    }
    delimiter = max(parsed, key=lambda one: len(parsed[one]))
    columns: list[str] = []
    taken: set[str] = set()
    for number, name in enumerate(parsed[delimiter]):
        unique, repeated = name or f"column{number}", 0
        # DuckDB's names differ in more than case.
        while unique.lower() in taken:
            repeated += 1
            unique = f"{name}_{repeated}"
        taken.add(unique.lower())
        columns.append(unique)
    return columns, delimiter


def parquet(path: str, name: str) -> Any:
    """The rows of a Parquet file."""
    from lakebed._backend import current

    connection = _connection()
    with _errors(name):
        rows, json_places = with_exact_types(connection.sql(f"FROM read_parquet({literal(path)})"))
        return _Closing(current().json_lines(rows, json_places), name, connection)


class _Closing:
    """A file object that keeps a connection until it is closed."""

    def __init__(self, lines: Any, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        self._lines = lines
        self._name = name
        self._connection = connection

    def read1(self, size: int = -1) -> Any:
        """The next lines; empty at the end."""
        with _errors(self._name):
            return self._lines.read1(size)

    def close(self) -> None:
        """Closes the connection."""
        self._lines = None
        self._connection.close()


class _Copied:
    """A file object of the lines of a table in a temporary directory, which it removes when it is closed."""

    def __init__(self, lines: Any, directory: tempfile.TemporaryDirectory[str]) -> None:
        self._lines = lines
        self._directory = directory
        self.read1 = lines.read1

    def close(self) -> None:
        """Closes the table, and removes the directory."""
        self._lines.close()
        self._directory.cleanup()


def _of_copy(file: IO[bytes], name: str, form: str) -> Any:
    """A table whose compression DuckDB does not read, from a decompressed copy."""
    directory = tempfile.TemporaryDirectory(prefix="lakebed-")
    place = Path(directory.name) / f"table{form}"
    with place.open("wb") as out:
        while block := file.read1(1 << 20):  # type: ignore[attr-defined]
            out.write(block)
    file.close()
    with place.open("rb") as copy:
        begin = copy.read(8)
    return _Copied(csv(str(place), name, form, begin), directory)


def _connection() -> duckdb.DuckDBPyConnection:
    with required():
        import duckdb
    return duckdb.connect(":memory:", config={"autoinstall_known_extensions": False})


class _errors:  # noqa: N801 (a context manager)
    """Turns errors of DuckDB into one sentence about the file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, traceback: object) -> None:
        import duckdb

        if isinstance(problem, duckdb.Error):
            text = " ".join(str(problem).split("\n\n")[0].split())
            message = f"{self._name} cannot be read as a table: {text.rstrip('.')}."
            raise BadRecord(message) from problem

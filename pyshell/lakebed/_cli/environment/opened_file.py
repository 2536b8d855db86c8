"""A file that the shell is opened on: a view over it, and no store."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from lakebed._sql_text import literal, quoted
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

_READERS = {
    ".ndjson": "read_json({}, format = 'newline_delimited', sample_size = {})",
    ".jsonl": "read_json({}, format = 'newline_delimited', sample_size = {})",
    ".json": "read_json({}, sample_size = {})",
    ".csv": "read_csv({}, sample_size = {})",
    ".tsv": "read_csv({}, sample_size = {})",
    ".parquet": "read_parquet({})",
    ".pq": "read_parquet({})",
}
"""By ending, the function of DuckDB that reads a file."""
_COMPRESSIONS = (".gz", ".zst")
_READ_WHOLE = 64 << 20
"""Bytes of a file up to which types are found by reading all of it."""
_SAMPLE = 200_000
"""Rows that the types of a larger file are found in."""


def is_file_name(word: str) -> bool:
    """Whether a word of the command line has the ending of a file that the shell can be opened on."""
    return _ending(word) is not None


def is_file(word: str) -> bool:
    """Whether a word of the command line is a file that the shell can be opened on."""
    return is_file_name(word) and Path(word).expanduser().is_file()


def table_name(path: str) -> str:
    """The name of the table of a file: the file's name without its endings."""
    name = PurePath(path).name
    ending = _ending(path)
    return re.sub(re.escape(ending) + r"(\.gz|\.zst)?$", "", name, flags=re.IGNORECASE) if ending else name


def open_file(connection: duckdb.DuckDBPyConnection, path: str) -> str:
    """Makes a view over a file in the connection's own database; its name.

    Raises `InvalidArgument` when the file cannot be read.
    """
    from lakebed._duckdb import duckdb

    name = table_name(path)
    ending = _ending(path)
    assert ending is not None, path
    place = Path(path).expanduser()
    sample = -1 if place.stat().st_size <= _READ_WHOLE else _SAMPLE
    reader = _READERS[ending].format(literal(str(place)), sample)
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS FROM {reader}")
    except duckdb.Error as problem:
        reason = str(problem).splitlines()[0]
        message = f"{path} cannot be opened as a table: {reason}"
        raise InvalidArgument(message) from problem
    return name


def _ending(path: str) -> str | None:
    """The ending that says how a file is read, without that of its compression."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    if suffixes[-1:] and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None

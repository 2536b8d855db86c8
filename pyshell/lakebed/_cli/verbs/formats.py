"""The formats of results, by name and by the ending of a file."""

from __future__ import annotations

from pathlib import PurePath

LISTING_FORMATS = ("table", "vertical", "json", "ndjson", "csv", "markdown")
"""The formats of text."""
FORMATS = (*LISTING_FORMATS, "parquet", "chart")

SESSION_SETTINGS = ("rows", "null", "timing", "pager", "format", "keys", "theme", "color", "headers")
"""The settings that `set` changes in the shell. None has the name of one of DuckDB's."""

FORMAT_BY_SUFFIX = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".md": "markdown",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "table",
}


def format_of_file(path: str) -> str | None:
    """The format that the ending of a file's name says, None when it says none."""
    return FORMAT_BY_SUFFIX.get(PurePath(path).suffix.lower())

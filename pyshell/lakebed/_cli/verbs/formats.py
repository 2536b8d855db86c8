"""The formats of results, by name."""

from __future__ import annotations

from lakebed._file_formats import BINARY

LISTING_FORMATS = ("table", "vertical", "json", "ndjson", "csv", "tsv", "markdown", "html")
"""The formats of text."""
FORMATS = (*LISTING_FORMATS, *BINARY, "chart")

SESSION_SETTINGS = ("rows", "null", "timing", "pager", "format", "keys", "theme", "color", "headers")
"""The settings that `set` changes in the shell. None has the name of one of DuckDB's."""

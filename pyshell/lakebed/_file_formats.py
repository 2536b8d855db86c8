"""The formats of files, by the endings of their names: one table for everything that writes a file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal, NamedTuple

from lakebed.errors import InvalidArgument

__all__ = ["BINARY", "FORMATS", "RECORDS", "FileFormat", "compression_of", "endings", "file_format"]

Compression = Literal["", "gz", "zst"]

_SUFFIXES = {
    "ndjson": (".ndjson", ".jsonl"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "markdown": (".md", ".markdown"),
    "html": (".html", ".htm"),
    "table": (".txt",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "xlsx": (".xlsx",),
}
"""The endings of each format."""
FORMATS = tuple(_SUFFIXES)
"""The names of the formats of files."""
BINARY = ("parquet", "arrow", "xlsx")
"""The formats that are not text. Such a file holds one result, and is compressed within or not at all."""
RECORDS = ("ndjson", "json")
"""The formats that hold records byte for byte."""
_COMPRESSED: dict[str, Compression] = {".gz": "gz", ".zst": "zst"}
_FORMAT_BY_SUFFIX = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}


class FileFormat(NamedTuple):
    """How a file is written."""

    name: str
    """A name of `FORMATS`, or "" where the file's name says none."""
    compression: Compression
    """The compression of the whole file; "" for none."""


def compression_of(path: str) -> Compression:
    """The compression that a file's name says."""
    return _COMPRESSED.get(PurePath(path).suffix.lower(), "")


def endings() -> str:
    """The endings of all formats, for a message."""
    return " ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes) + ", text also with .gz or .zst"


def file_format(path: str, given: str | None = None) -> FileFormat:
    """The format of a file: the `given` one, else that of the ending of its name.

    A name without an ending says no format. Raises `InvalidArgument` for an unknown ending, and for a compressed file
    of a format that is binary.
    """
    name = PurePath(path)
    compression = compression_of(path)
    suffix = (name.with_suffix("") if compression else name).suffix.lower()
    form = given or _FORMAT_BY_SUFFIX.get(suffix)
    if form is None and suffix:
        message = (
            f"{path} ends in {suffix}, which is no format that is known: use one of {endings()}, or name the format."
        )
        raise InvalidArgument(message)
    if compression and form in BINARY:
        message = f"{path} would be compressed twice: write {form} without {name.suffix}."
        raise InvalidArgument(message)
    return FileFormat(form or "", compression)

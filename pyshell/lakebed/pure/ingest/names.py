"""Names of collections and of rotated logs, from names of files."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

__all__ = ["collection_name", "rotation_name"]

_COMPRESSED = (".gz", ".zst")
_ALL_COMPRESSED = (*_COMPRESSED, ".xz", ".bz2")
_JSON = (".ndjson", ".jsonl", ".json")
_NUMBER = re.compile(r"(.+)[._-][0-9]+", re.DOTALL)


def collection_name(path: str | os.PathLike[str], /) -> str | None:
    """The collection that a file goes into by default.

    It is the file's name without `.gz` or `.zst`, then without `.ndjson`, `.jsonl` or `.json`, in upper or lower case;
    a suffix that is the whole name stays. Bytes that are not UTF-8 become U+FFFD. None for a path without a file name.
    """
    name = PurePath(path).name
    if name in ("", ".."):
        return None
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _without_suffix(_without_suffix(shown, _COMPRESSED), _JSON)


def rotation_name(file: str) -> str:
    """The name that the files of one rotated log have in common: without suffixes of compression, numbers and dates at
    the end (`app.log`, `app.log.1`, `app.log-20260131.gz`)."""
    name = _without_suffix(file, _ALL_COMPRESSED)
    while found := _NUMBER.fullmatch(name):
        name = found[1]
    return name


def _without_suffix(name: str, suffixes: tuple[str, ...]) -> str:
    """The name without the first of the suffixes that it ends with."""
    for suffix in suffixes:
        if len(name) > len(suffix) and name[-len(suffix) :].lower() == suffix:
            return name[: -len(suffix)]
    return name

"""Names of inputs: suffixes, and the collection that a name stands for."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

__all__ = ["ARCHIVES", "JSON", "PACKED", "TABLES", "is_known", "stem", "suffixes", "utf8_name"]

PACKED = (".gz", ".zst", ".xz", ".bz2")
"""Suffixes of compressed files."""
JSON = (".ndjson", ".jsonl", ".json")
"""Suffixes of files of JSON."""
TABLES = (".csv", ".tsv", ".parquet")
"""Suffixes of tables in other formats."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz")
"""Suffixes of archives."""

_SHORT = {".tgz": (".tar", ".gz"), ".tbz2": (".tar", ".bz2"), ".txz": (".tar", ".xz")}


def suffixes(name: str) -> tuple[str, str]:
    """The suffix of the format and that of the compression, in lower case: `("", "")` where there is none."""
    base = PurePath(re.split(r"[?#]", name)[0] if "://" in name else name).name.lower()
    packed = next((end for end in PACKED if base.endswith(end) and len(base) > len(end)), "")
    base = base.removesuffix(packed)
    form = next((end for end in (*JSON, *TABLES, *ARCHIVES) if base.endswith(end) and len(base) > len(end)), "")
    if form in _SHORT and not packed:
        return _SHORT[form]
    return form, packed


def is_known(name: str) -> bool:
    """Whether a file of this name is taken from a directory or archive: a suffix says that it holds records."""
    return suffixes(name)[0] in (*JSON, *TABLES)


def stem(name: str) -> str:
    """The name without the suffixes of compression, archives and tables; those of JSON are the engine's to remove."""
    for ends in (PACKED, (*TABLES, *ARCHIVES)):
        found = next((end for end in ends if name.lower().endswith(end) and len(name) > len(end)), "")
        name = name[: len(name) - len(found)]
    return name


def utf8_name(name: str) -> str:
    """A file's name as text that can be stored: bytes in it that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode(errors="replace")

"""What `Store.ingest` reads: paths, patterns, directories, archives, tables, addresses and file objects as single
inputs.

The engine reads plain, gzip and zstd files by itself. Everything else is a `Made` input: a function that opens it as a
file object of JSON lines, or of what the engine reads.
"""

from __future__ import annotations

from lakebed._inputs.expand import (
    Input,
    Named,
    Source,
    default_collection,
    expanded,
    inputs,
    is_address,
    name_of,
)
from lakebed._inputs.made import Made
from lakebed._inputs.names import utf8_name

__all__ = [
    "Input",
    "Made",
    "Named",
    "Source",
    "default_collection",
    "expanded",
    "inputs",
    "is_address",
    "name_of",
    "utf8_name",
]

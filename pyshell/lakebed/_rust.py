"""The backend in Rust: `lakebed._engine` under the names of the `Backend` protocol. Nothing else of the package imports
the engine."""

from __future__ import annotations

from typing import Final

from lakebed._engine import (
    ArrowFile,
    Buffer,
    Hash,
    JsonLines,
    OllamaClient,
    Row,
    Rows,
    ZstdStream,
    collection_name,
    error_kinds,
    restore,
)
from lakebed._engine import open as open_store

__all__ = [
    "ArrowFile",
    "Buffer",
    "Hash",
    "OllamaClient",
    "Row",
    "Rows",
    "ZstdStream",
    "collection_name",
    "error_kinds",
    "json_lines",
    "name",
    "open_store",
    "restore",
]

json_lines = JsonLines

name: Final = "rust"

"""Records of Arrow tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lakebed.pure.writes import needs_rust

__all__ = ["table_records"]


def table_records(table: Any, json: list[list[int]]) -> Iterator[bytes]:
    """A JSON object for each row of a table, as `append` stores it; `json` has the places of text that is JSON."""
    needs_rust(f"Appending a table ({type(table).__name__}, {len(json)} columns of JSON)")

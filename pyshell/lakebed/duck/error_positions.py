"""Positions in DuckDB's error messages, moved to where they are in the user's text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["one_line_up"]

_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


def one_line_up(problem: duckdb.Error) -> duckdb.Error:
    """The same error for a statement that was run with one line put before it: each `LINE 3:` becomes `LINE 2:`."""
    text = _LINE.sub(lambda found: f"LINE {int(found[1]) - 1}: ", str(problem))
    return type(problem)(text)

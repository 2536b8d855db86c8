"""Names and texts as parts of SQL."""

from __future__ import annotations

__all__ = ["literal", "quoted"]


def quoted(name: str) -> str:
    """The name as an SQL identifier: `a "b"` becomes `"a ""b\"""`."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """The text as an SQL string literal."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"

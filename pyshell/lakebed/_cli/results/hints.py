"""What to do about errors of DuckDB whose message does not say it."""

from __future__ import annotations

import re

__all__ = ["with_hint"]

_MIXED = re.compile(
    r"Failed to cast value to numerical|Failed to cast value: |Malformed JSON at byte|"
    r"argument types '[^']*\bJSON\b|Cannot compare values of type JSON|values of type \w+ and (?:of )?type JSON"
)


def with_hint(message: str) -> str:
    """The message, and below it a hint where values of several kinds in a JSON column are the cause."""
    if not _MIXED.search(message):
        return message
    return (
        f"{message.rstrip()}\nhint: a column with values of several kinds is JSON. v->>'$' is a value of the column v as text, and "
        "TRY_CAST(v->>'$' AS DOUBLE) those that are numbers; see \"Mixed columns\" in docs/recipes.md."
    )

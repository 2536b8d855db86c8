"""What results are made of: columns, rows, and how emphasis looks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[str | None]
"""A row of a result: the text of each value, None for NULL."""

_NUMBER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
            "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM", "VARINT")  # fmt: skip
_SHORT_TYPES = {"TIMESTAMP WITH TIME ZONE": "timestamptz", "TIME WITH TIME ZONE": "timetz", '"NULL"': "null"}


@dataclass(frozen=True)
class Column:
    """A column of a result."""

    name: str
    type: str = "VARCHAR"
    """DuckDB's name of the type."""
    is_key: bool = False
    """Whether its values name the rows, so that none is cut."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers: aligned to the right, unquoted in JSON."""
        return self.type.partition("(")[0] in _NUMBER_TYPES and not self.type.endswith("]")

    @property
    def is_whole(self) -> bool:
        """Whether a part of a value is of no use: numbers, dates and times, booleans, names of rows."""
        return self.is_key or self.is_number or self.type.startswith(("DATE", "TIME", "BOOLEAN"))

    @property
    def is_nested(self) -> bool:
        """Whether its values are JSON, structs, lists, maps or unions."""
        return self.type.startswith(("JSON", "STRUCT", "TUPLE", "MAP", "UNION", "VARIANT")) or self.type.endswith("]")

    @property
    def shown_type(self) -> str:
        """The type as a table shows it under the name."""
        return _SHORT_TYPES.get(self.type, self.type).lower()


@dataclass(frozen=True)
class Style:
    """Emphasis by ANSI escape sequences; none without `color`."""

    color: bool = False

    def bold(self, text: str) -> str:
        """The text in bold."""
        return f"\x1b[1m{text}\x1b[0m" if self.color else text

    def dim(self, text: str) -> str:
        """The text in a faint color."""
        return f"\x1b[2m{text}\x1b[0m" if self.color else text


PLAIN = Style()
"""No emphasis."""

"""DuckDB's predicates as the engine's filters, where both mean exactly the same.

DuckDB does not apply a predicate that a scan object has accepted, so one that the engine evaluates differently would
give wrong rows. Accepted are comparisons of a column, or of a field inside structs, with a constant, IN, IS NULL and
IS NOT NULL, alone or joined by AND; DuckDB applies all others itself.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

Fields = Callable[[tuple[str, ...]], tuple[str, bool] | None]
"""From the names that lead to a field inside structs to its path as the engine takes it, and whether the engine can
compare it with constants; None where the engine does not know the field."""

Filter = tuple[str, str, Any]
"""Column or path of a field, operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `is_null`, `is_not_null`), value;
a list of them is joined by AND.

Values are bool, int, float and str; a date is days, a timestamp microseconds since 1970 (UTC, when it has a zone).
"""

_OPERATORS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1)  # naive timestamps are counted as UTC
_MICROSECOND = datetime.timedelta(microseconds=1)


def filters_of(node: Any, columns: Mapping[str, bool], fields: Fields = lambda _names: None) -> list[Filter] | None:
    """The predicate as filters joined by AND; None if no filters mean exactly the same.

    `columns` are the names of the columns, and whether the engine can compare the column with constants; the others it
    can only test for NULL. `fields` says the same of fields inside structs.
    """
    pending = [node]
    filters: list[Filter] = []
    while pending:
        current = pending.pop()
        if getattr(current, "op", None) == "AND":
            pending += (current.right, current.left)
            continue
        found = _filter_of(current, columns, fields)
        if found is None:
            return None
        filters.append(found)
    return filters


def _filter_of(node: Any, columns: Mapping[str, bool], fields: Fields) -> Filter | None:
    kind = type(node).__name__
    if kind == "Postfix" and node.op in ("IS NULL", "IS NOT NULL"):
        column, _ = _column(node.operand, columns, fields)
        return None if column is None else (column, "is_null" if node.op == "IS NULL" else "is_not_null", None)
    if kind == "Binary" and node.op in _OPERATORS:
        column, comparable = _column(node.left, columns, fields)
        value = _constant(node.right)
        if column is None or value is None or not comparable:
            return None
        return column, _OPERATORS[node.op], value
    if kind == "In":
        column, comparable = _column(node.operand, columns, fields)
        values = [_constant(value) for value in node.values]
        if column is None or not values or None in values or not comparable:
            return None
        return column, "in", values
    return None


def _column(node: Any, columns: Mapping[str, bool], fields: Fields) -> tuple[str | None, bool]:
    parts: tuple[str, ...] = tuple(getattr(node, "parts", ()))
    if len(parts) == 1:
        return (parts[0], columns[parts[0]]) if parts[0] in columns else (None, False)
    return fields(parts) or (None, False)


def _constant(node: Any) -> bool | int | float | str | None:
    """The constant as a value of a filter; None if it has no exact one, as NULL."""
    value, kind = getattr(node, "value", None), getattr(node, "type", "")
    exact = _EXACT.get(kind)
    return exact(value) if exact is not None else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _double(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _date(value: object) -> int | None:
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        return None
    return value.toordinal() - _EPOCH_DAY


def _timestamp(value: object) -> int | None:
    if not isinstance(value, datetime.datetime) or value.tzinfo is not None:
        return None
    return (value - _EPOCH) // _MICROSECOND


_EXACT: dict[str, Callable[[object], bool | int | float | str | None]] = {
    "BOOLEAN": lambda value: value if isinstance(value, bool) else None,
    "BIGINT": _integer,
    "UBIGINT": _integer,
    "HUGEINT": _integer,
    "DOUBLE": _double,
    "VARCHAR": lambda value: value if isinstance(value, str) else None,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP WITH TIME ZONE": _integer,
}

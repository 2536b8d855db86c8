"""Filters: comparisons of a column with constants, and tests for NULL. NULL passes `is_null` alone."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from lakebed.errors import InvalidArgument
from lakebed.pure.json.quoting import quoted
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UBIGINT,
    VARCHAR,
    DataType,
)

__all__ = ["Filter", "Test", "compiled"]

Filter = tuple[Any, ...]
"""Column, operator, constant."""
Test = Callable[[Any], bool]
"""Whether a typed value passes."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS = (*_COMPARISONS, "in", "is_null", "is_not_null")
_CONSTANTS: dict[DataType, type] = {
    BOOLEAN: bool,
    BIGINT: int,
    UBIGINT: int,
    HUGEINT: int,
    DATE: int,
    TIMESTAMP: int,
    TIMESTAMPTZ: int,
    DOUBLE: float,
    VARCHAR: str,
}


def compiled(item: Filter, kind: DataType) -> Test:
    """The test that a filter on a column of this type is. Raises `InvalidArgument`; `ValueError`, `TypeError` for what
    is no filter."""
    column, name, constant = item
    if name not in _OPERATORS:
        raise InvalidArgument(f"{quoted(name)} is not an operator of a filter: those are {', '.join(_OPERATORS)}.")
    if name == "is_null":
        return lambda value: value is None
    if name == "is_not_null":
        return lambda value: value is not None
    if name == "in":
        constants = [_constant(column, kind, one) for one in _listed(constant)]
        return lambda value: value is not None and any(value == one for one in constants)
    compare, checked = _COMPARISONS[name], _constant(column, kind, constant)
    if checked != checked:  # noqa: PLR0124  (NaN, which SQL orders above all numbers)
        passes = name in ("!=", "<", "<=")
        return lambda value: value is not None and passes
    return lambda value: value is not None and compare(value, checked)


def _listed(constants: Iterable[Any]) -> list[Any]:
    return list(constants)


def _constant(column: str, kind: DataType, constant: Any) -> Any:
    if not isinstance(constant, bool | int | float | str):
        raise InvalidArgument(f"A filter compares with a bool, int, float or str, not with {type(constant).__name__}.")
    if type(constant) is not _CONSTANTS.get(kind):
        raise InvalidArgument(
            f"The filter on column {quoted(column)} compares values of type {kind} with a constant of another type."
        )
    return constant

"""Columns as types that Parquet and Arrow files hold exactly.

DuckDB writes HUGEINT to Parquet as DOUBLE, and gives Arrow files types that lose a part of some values.
"""

from __future__ import annotations

from typing import Any

from lakebed._relations import cast_type
from lakebed._sql_text import literal, quoted
from lakebed.errors import InvalidArgument

__all__ = ["exactly"]

_DECIMAL = "DECIMAL(38,0)"
_CASTS = {
    "parquet": {"HUGEINT": _DECIMAL, "UHUGEINT": _DECIMAL},
    "arrow": {"HUGEINT": _DECIMAL, "UHUGEINT": _DECIMAL, "BIGNUM": "VARCHAR", "BIT": "VARCHAR", "VARIANT": "JSON"},
}
"""Types that a format has no type of its own for, and the type that holds the same values."""
_REFUSED = {"parquet": ("TIME WITH TIME ZONE", "UNION("), "arrow": ("TIME WITH TIME ZONE",)}
"""Types that have no such type."""
_TITLES = {"parquet": "Parquet", "arrow": "Arrow"}


def exactly(relation: Any, form: str) -> Any:
    """The relation, its columns cast so that the file holds every value; a value that it cannot hold is an error that
    names the column and a cast.

    Raises `InvalidArgument` for a type that the format cannot hold.
    """
    casts = _CASTS[form]
    shown = []
    for place, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        refused = cast_type(kind, lambda one: str(one) if str(one).startswith(_REFUSED[form]) else None)
        if refused is not None:
            message = _message(name, f"the type {kind}", form)
            raise InvalidArgument(message)
        value = f"#{place}"
        if (cast := cast_type(kind, lambda one: casts.get(str(one)))) is not None:
            tried = f"TRY_CAST({value} AS {cast})"
            value = _checked(value, tried, f"{tried}::VARCHAR IS NOT DISTINCT FROM {value}::VARCHAR", name, form)
        elif str(kind) == "INTERVAL" and form == "parquet":
            value = _checked(value, value, f"{value} IS NULL OR microsecond({value}) % 1000 = 0", name, form)
        shown.append(f"{value} AS {quoted(name)}")
    return relation.project(", ".join(shown))


def _checked(value: str, written: str, condition: str, name: str, form: str) -> str:
    """SQL for the value as it is written; an error where the condition does not hold."""
    before, after = _message(name, "\0", form).split("\0")
    error = f"error({literal(before)} || {value}::VARCHAR || {literal(after)})"
    return f"CASE WHEN {condition} THEN {written} ELSE {error} END"


def _message(name: str, what: str, form: str) -> str:
    return f"The column {name} holds {what}, which {_TITLES[form]} cannot hold exactly: write CAST({quoted(name)} AS VARCHAR)."

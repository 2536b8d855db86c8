"""SQL for the JSON text of a value, in which numbers keep their digits.

DuckDB's `to_json` reads JSON inside structs, lists and maps, and writes its numbers as doubles: `1.10` becomes `1.1`.
The expressions here put the text together instead. Values of the type JSON are their own text at any depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakebed._sql_text import literal

if TYPE_CHECKING:
    import duckdb

__all__ = ["json_object", "json_text"]

_PLAIN = frozenset(
    ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
     "UHUGEINT", "BIGNUM", "JSON")
)  # fmt: skip
"""The types whose text is JSON."""
_NESTED = frozenset(("struct", "tuple", "list", "array", "map", "union"))


def json_object(columns: Sequence[tuple[str, str, Any]]) -> str:
    """SQL for a JSON object. `columns` are the key, the SQL of the value, and its DuckDB type; NULL becomes null."""
    return _object(columns, 0, None)


def json_text(value: str, kind: duckdb.sqltypes.DuckDBPyType, *, finite: str | None = None) -> str:
    """SQL for the JSON text of the SQL expression `value` of a DuckDB type; NULL stays NULL.

    NaN and infinities, which JSON does not have, become null. With `finite`, the name of the column for the message,
    infinities are an error.
    """
    return _text(value, kind, 0, finite)


def _text(value: str, kind: Any, depth: int, finite: str | None) -> str:
    name, nested = str(kind), kind.id
    if name in _PLAIN or name.startswith("DECIMAL("):
        return f"{value}::VARCHAR"
    if name in ("FLOAT", "DOUBLE"):
        infinite = "'null'"
        if finite is not None:
            message = f"The column {finite} holds {{}}, which JSON cannot write: make it NULL, or CAST it AS VARCHAR."
            infinite = f"error(replace({literal(message)}, '{{}}', {value}::VARCHAR))"
        return f"CASE WHEN isnan({value}) THEN 'null' WHEN isinf({value}) THEN {infinite} ELSE {value}::VARCHAR END"
    if name == "BLOB":
        return f"concat('\"', to_base64({value}), '\"')" if depth else f"to_json(to_base64({value}))::VARCHAR"
    if name == "VARIANT":
        return f"CAST({value} AS JSON)::VARCHAR"
    if nested in _NESTED and _is_exact(kind):
        return f"to_json({value})::VARCHAR"
    written = (
        _nested(value, kind, nested, depth, finite) if nested in _NESTED else f"to_json({value}::VARCHAR)::VARCHAR"
    )
    return f"CASE WHEN {value} IS NOT NULL THEN {written} END"


def _is_exact(kind: Any) -> bool:
    """Whether `to_json` writes all values of a type exactly."""
    if kind.id in _NESTED and kind.id != "union":
        return all(_is_exact(child) for _, child in kind.children if not isinstance(child, int))
    name = str(kind)
    return (name in _PLAIN and name != "JSON") or name in ("VARCHAR", "DATE", "TIMESTAMP", "UUID")


def _nested(value: str, kind: Any, nested: str, depth: int, finite: str | None) -> str:
    one = f"value_{depth}"
    if nested in ("struct", "tuple"):
        fields = [
            (name, f"struct_extract_at({value}, {place})", child)
            for place, (name, child) in enumerate(kind.children, 1)
        ]
        if any(name for name, *_ in fields):
            return _object(fields, depth + 1, finite)
        items = " || ',' || ".join(
            f"coalesce({_text(one, child, depth + 1, finite)}, 'null')" for _, one, child in fields
        )
        return f"'[' || {items} || ']'"
    if nested == "union":
        members = [(name, child) for name, child in kind.children if name]
        cases = " ".join(
            f"WHEN {literal(name)} THEN {_text(f'union_extract({value}, {literal(name)})', child, depth + 1, finite)}"
            for name, child in members
        )
        return f"coalesce(CASE union_tag({value})::VARCHAR {cases} END, 'null')"
    if nested == "map":
        (_, key), (_, item) = kind.children
        # A key of another type than text is the text of its JSON.
        key_text = f"{one}.key" if str(key) == "VARCHAR" else _text(f"{one}.key", key, depth + 1, finite)
        inner = _text(f"{one}.value", item, depth + 1, finite)
        entry = f"concat(to_json({key_text})::VARCHAR, ':', coalesce({inner}, 'null'))"
        return f"concat('{{', array_to_string(list_transform(map_entries({value}), lambda {one}: {entry}), ','), '}}')"
    child = kind.children[0][1]
    items = f"list_transform({value}, lambda {one}: coalesce({_text(one, child, depth + 1, finite)}, 'null'))"
    return f"concat('[', array_to_string({items}, ','), ']')"


def _object(fields: Sequence[tuple[str, str, Any]], depth: int, finite: str | None) -> str:
    parts = ["'{'"]
    for place, (name, value, kind) in enumerate(fields):
        comma = "," if place else ""
        parts.append(f"{literal(comma)} || to_json({literal(name)})::VARCHAR || ':'")
        parts.append(f"coalesce({_text(value, kind, depth, finite)}, 'null')")
    return f"concat({', '.join([*parts, literal('}')])})"

"""DuckDB relations as tables of `Store.append`.

In Arrow DuckDB says neither which text is JSON, nor has it a type for every value: UHUGEINT wraps around, BIT and
TIMETZ lose what they mean. So such columns are cast to text first, and the places of JSON are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lakebed._sql_text import quoted

__all__ = ["cast_type", "is_relation", "with_exact_types"]

Path = list[int]

_AS_TEXT = ("TIME WITH TIME ZONE", "BIT", "GEOMETRY")
"""Types whose text is stored."""
_AS_JSON = {"VARIANT": "JSON", "UHUGEINT": "VARCHAR", "BIGNUM": "VARCHAR"}
"""Types whose text is JSON, and the types that they are cast to."""


def is_relation(value: object) -> bool:
    """Whether it is a relation of DuckDB. DuckDB is not imported for that."""
    kind = type(value)
    return kind.__name__ == "DuckDBPyRelation" and kind.__module__.lstrip("_").partition(".")[0] == "duckdb"


def with_exact_types(relation: Any) -> tuple[Any, list[Path]]:
    """The relation with columns whose Arrow form is exact, and the places of its text that is JSON: the position of a
    column, then of a field of a struct or a member of a union; 0 is the item of a list, 0 and 1 the key and the value
    of a map."""
    kinds = relation.types
    casts = [cast_type(kind, _replacement) for kind in kinds]
    paths = [[column, *path] for column, kind in enumerate(kinds) for path in _json_places(kind)]
    # Equal names are an error of the engine, and a projection would make them different.
    if any(casts) and len(set(relation.columns)) == len(kinds):
        shown = (
            f"CAST(#{place} AS {cast}) AS {quoted(name)}" if cast else f"#{place}"
            for place, (name, cast) in enumerate(zip(relation.columns, casts, strict=True), 1)
        )
        relation = relation.project(", ".join(shown))
    return relation, paths


def _replacement(kind: Any) -> str | None:
    name = str(kind)
    return "VARCHAR" if name.startswith(_AS_TEXT) else _AS_JSON.get(name)


def cast_type(kind: Any, replacement: Callable[[Any], str | None]) -> str | None:
    """A DuckDB type in SQL with some types in it, at any depth, replaced; None when there is nothing to replace."""
    if (other := replacement(kind)) is not None:
        return other
    nested = kind.id
    if nested not in ("struct", "list", "array", "map", "union"):
        return None
    children = [(name, child) for name, child in kind.children if not isinstance(child, int)]
    if nested == "union":
        children = [(name, child) for name, child in children if name]
    found = [cast_type(child, replacement) for _, child in children]
    if not any(found):
        return None
    types = [cast or str(child) for cast, (_, child) in zip(found, children, strict=True)]
    if nested == "list":
        return f"{types[0]}[]"
    if nested == "array":
        return f"{types[0]}[{dict(kind.children)['size']}]"
    if nested == "map":
        return f"MAP({', '.join(types)})"
    fields = ", ".join(f"{quoted(name)} {one}" for (name, _), one in zip(children, types, strict=True))
    return f"{nested.upper()}({fields})"


def _json_places(kind: Any) -> Iterator[Path]:
    """The places of JSON in a value of this type."""
    if str(kind) == "JSON" or str(kind) in _AS_JSON:
        yield []
    elif kind.id in ("list", "array"):
        yield from ([0, *path] for path in _json_places(kind.children[0][1]))
    elif kind.id in ("struct", "map", "union"):
        members = [child for name, child in kind.children if name or kind.id != "union"]
        yield from ([place, *path] for place, child in enumerate(members) for path in _json_places(child))

"""Arrow's fields and arrays for types of columns: docs/types.md, "The lattice"."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lakebed.pure.arrow import arrays
from lakebed.pure.arrow.arrays import Array, Field
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    JSON,
    TIMESTAMP,
    TIMESTAMPTZ,
    UBIGINT,
    VARCHAR,
    DataType,
    ListType,
    MapType,
    StructType,
)

__all__ = ["JSON_METADATA", "builder", "field_of"]

JSON_METADATA = (("ARROW:extension:metadata", ""), ("ARROW:extension:name", "arrow.json"))
"""What says that text is JSON."""

_SCALARS: dict[DataType, tuple[str, Callable[[list[Any]], Array]]] = {
    BOOLEAN: ("b", arrays.booleans),
    BIGINT: ("l", arrays.int64s),
    UBIGINT: ("L", arrays.uint64s),
    HUGEINT: ("d:38,0", arrays.decimals),
    DOUBLE: ("g", arrays.doubles),
    VARCHAR: ("u", arrays.texts),
    DATE: ("tdD", arrays.int32s),
    TIMESTAMP: ("tsu:", arrays.int64s),
    TIMESTAMPTZ: ("tsu:UTC", arrays.int64s),
    JSON: ("u", arrays.texts),
}


def field_of(name: str, kind: DataType) -> Field:
    """The field of a column."""
    if isinstance(kind, ListType):
        return Field(name, "+l", (field_of("item", kind.element),))
    if isinstance(kind, StructType):
        return Field(name, "+s", tuple(field_of(field.name, field.type) for field in kind.fields))
    if isinstance(kind, MapType):
        entries = (Field("key", "u", nullable=False), field_of("value", kind.value))
        return Field(name, "+m", (Field("entries", "+s", entries, nullable=False),))
    return Field(name, _SCALARS[kind][0], metadata=JSON_METADATA if kind == JSON else ())


def builder(kind: DataType) -> Callable[[list[Any]], Array]:
    """A function that makes an array of typed values (`lakebed.pure.json.extract`)."""
    if isinstance(kind, ListType):
        return partial(arrays.lists, elements=builder(kind.element))
    if isinstance(kind, StructType):
        return partial(arrays.structs, fields=[builder(field.type) for field in kind.fields])
    if isinstance(kind, MapType):
        return partial(arrays.maps, of_value=builder(kind.value))
    return _SCALARS[kind][1]

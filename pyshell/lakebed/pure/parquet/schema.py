"""The schema of a part: its columns as Parquet describes them, and their leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from lakebed.pure.columns.encodings import BOOLEAN, BYTES, DOUBLE, FIXED, INT32, INT64
from lakebed.pure.format.columns import LeafEntry
from lakebed.pure.json import types
from lakebed.pure.json.types import DataType, ListType, MapType, StructType
from lakebed.pure.parquet.thrift import I8, I32, Flag, Items, Struct, Text

__all__ = ["BINARY", "INT", "ColumnType", "Leaf", "LeafType", "described", "leaves_of", "parquet_type", "path_of"]

_REQUIRED, _OPTIONAL, _REPEATED = range(3)
_MAP, _MAP_KEY_VALUE, _LIST = 1, 2, 3
_PARQUET: Final = {BOOLEAN: 0, INT32: 1, INT64: 2, DOUBLE: 5, BYTES: 6, FIXED: 7}
"""The numbers of physical types in Parquet's own schema."""
_NOTHING: Final = Struct({})


class LeafType(NamedTuple):
    """The type of a scalar."""

    physical: int
    converted: int | None = None
    """The older way to say what the values are."""
    logical: Struct | None = None
    is_ordered: bool = True
    """Whether statistics say the least and the greatest value."""
    is_signed: bool = True


def _time(is_utc: bool) -> LeafType:
    microseconds = Struct({1: Flag(is_utc), 2: Struct({2: _NOTHING})})
    return LeafType(INT64, 10 if is_utc else None, Struct({8: microseconds}))


_LEAVES: Final[dict[DataType, LeafType]] = {
    types.BOOLEAN: LeafType(BOOLEAN),
    types.BIGINT: LeafType(INT64),
    types.UBIGINT: LeafType(INT64, 14, Struct({10: Struct({1: I8(64), 2: Flag(False)})}), is_signed=False),
    types.HUGEINT: LeafType(FIXED, 5, Struct({5: Struct({1: I32(0), 2: I32(38)})})),
    types.DOUBLE: LeafType(DOUBLE),
    types.VARCHAR: LeafType(BYTES, 0, Struct({1: _NOTHING})),
    types.DATE: LeafType(INT32, 6, Struct({6: _NOTHING})),
    types.TIMESTAMP: _time(False),
    types.TIMESTAMPTZ: _time(True),
    types.JSON: LeafType(BYTES, 19, Struct({12: _NOTHING}), is_ordered=False),
}
INT: Final = LeafType(INT32)
BINARY: Final = LeafType(BYTES, is_ordered=False)

ColumnType = tuple[str, DataType | LeafType, bool]
"""The name of a column, its type, and whether it always has a value."""


class Leaf(NamedTuple):
    """A leaf of the file."""

    path: tuple[str, ...]
    type: LeafType
    entry: LeafEntry


def leaves_of(columns: list[ColumnType]) -> list[Leaf]:
    """The leaves of columns, depth first."""
    return [leaf for name, kind, is_required in columns for leaf in _leaves(kind, (name,), 1 - is_required, ())]


def _leaves(kind: DataType | LeafType, path: tuple[str, ...], level: int, elements: tuple[int, ...]) -> Iterator[Leaf]:
    """`level`: the definition level of a value that is there."""
    if isinstance(kind, StructType):
        for field in kind.fields:
            yield from _leaves(field.type, (*path, field.name), level + 1, elements)
    elif isinstance(kind, ListType):
        yield from _leaves(kind.element, (*path, "list", "item"), level + 2, (*elements, level + 1))
    elif isinstance(kind, MapType):
        inside = (*elements, level + 1)
        yield from _leaves(types.VARCHAR, (*path, "entries", "key"), level + 1, inside)
        yield from _leaves(kind.value, (*path, "entries", "value"), level + 2, inside)
    else:
        own = kind if isinstance(kind, LeafType) else _LEAVES[kind]
        yield Leaf(path, own, LeafEntry(".".join(path), own.physical, level, elements))


def described(columns: list[ColumnType]) -> list[Struct]:
    """The elements of the schema, depth first: the root, then the columns."""
    found = [Struct({4: Text("arrow_schema"), 5: I32(len(columns))})]
    for name, kind, is_required in columns:
        found += _elements(name, kind, _REQUIRED if is_required else _OPTIONAL)
    return found


def _elements(name: str, kind: DataType | LeafType, repetition: int) -> Iterator[Struct]:
    if isinstance(kind, StructType):
        yield _group(name, repetition, len(kind.fields))
        for field in kind.fields:
            yield from _elements(field.name, field.type, _OPTIONAL)
    elif isinstance(kind, ListType):
        yield _group(name, repetition, 1, _LIST, Struct({3: _NOTHING}))
        yield _group("list", _REPEATED, 1)
        yield from _elements("item", kind.element, _OPTIONAL)
    elif isinstance(kind, MapType):
        yield _group(name, repetition, 1, _MAP, Struct({2: _NOTHING}))
        yield _group("entries", _REPEATED, 2, _MAP_KEY_VALUE)
        yield from _elements("key", types.VARCHAR, _REQUIRED)
        yield from _elements("value", kind.value, _OPTIONAL)
    else:
        own = kind if isinstance(kind, LeafType) else _LEAVES[kind]
        is_huge = own.physical == FIXED
        yield Struct(
            {
                1: I32(_PARQUET[own.physical]),
                2: I32(16) if is_huge else None,
                3: I32(repetition),
                4: Text(name),
                6: None if own.converted is None else I32(own.converted),
                7: I32(0) if is_huge else None,
                8: I32(38) if is_huge else None,
                10: own.logical,
            }
        )


def _group(name: str, repetition: int, children: int, converted: int | None = None, logical: Any = None) -> Struct:
    return Struct(
        {
            3: I32(repetition),
            4: Text(name),
            5: I32(children),
            6: None if converted is None else I32(converted),
            10: logical,
        }
    )


def parquet_type(physical: int) -> int:
    """The number of a physical type in Parquet's own schema."""
    return _PARQUET[physical]


def path_of(leaf: Leaf) -> Items:
    """The names that lead to a leaf."""
    return Items(Text, [Text(name) for name in leaf.path])

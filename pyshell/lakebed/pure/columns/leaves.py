"""The leaves of the columns of a part: the scalars that records consist of, and the lists and objects around them.

Leaves are numbered as Parquet does it: depth first, the columns in their order, the fields of a STRUCT in theirs, the
key of a MAP before its value. Lists and maps together are numbered in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lakebed.pure.format.columns import ListEntry
from lakebed.pure.json.columns import Column
from lakebed.pure.json.settings import NON_OBJECT, REST, Declared
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    ELEMENT,
    HUGEINT,
    JSON,
    UBIGINT,
    VARCHAR,
    DataType,
    ListType,
    MapType,
    StructType,
    key_step,
)

__all__ = ["Fields", "LeafNode", "Leaves", "ListNode", "Node", "StructNode"]


@dataclass
class LeafNode:
    """A scalar."""

    type: DataType
    nulls: tuple[str, ...] | None
    """Set where its type was declared, or that of what is around it: the texts that mean NULL."""
    number: int
    form: Literal["json", "text", "number", "boolean"] = field(init=False)
    """How its values are written in JSON."""

    def __post_init__(self) -> None:
        if self.type == JSON:
            self.form = "json"
        elif self.type == BOOLEAN:
            self.form = "boolean"
        else:
            self.form = "number" if self.type in (BIGINT, UBIGINT, HUGEINT, DOUBLE) else "text"


@dataclass
class Fields:
    """The keys of an object, or of a record, that are stored."""

    keys: dict[str, Node] = field(default_factory=dict)
    rest: int | None = None
    """The leaf that holds the members without a field, as one JSON object."""
    known: frozenset[str] = frozenset()
    """Keys that the rest does not hold, although they have no field here: only of the record itself."""


@dataclass
class StructNode:
    """An object."""

    type: DataType
    nulls: tuple[str, ...] | None
    fields: list[Node]
    """In their order, that of the other keys included."""
    members: Fields


@dataclass
class ListNode:
    """A list or a MAP."""

    type: DataType
    nulls: tuple[str, ...] | None
    number: int
    depth: int
    """The lists and maps that it lies in, itself included."""
    key: LeafNode | None
    """The keys of a MAP."""
    element: Node


Node: TypeAlias = LeafNode | StructNode | ListNode


class Leaves:
    """The leaves of these columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.all: list[LeafNode] = []
        self.lists: list[ListEntry] = []
        self.columns: list[Node] = []
        """A node for each column."""
        self.record = Fields()
        """What a record is made of."""
        self.non_object: int | None = None
        """The leaf of the records that are not objects."""
        for column in columns:
            node = self._node(column.type, column.declared, 0)
            self.columns.append(node)
            if column.named == NON_OBJECT and isinstance(node, LeafNode):
                self.non_object = node.number
            elif column.named == REST and isinstance(node, LeafNode):
                self.record.rest, self.record.known = node.number, column.known
            else:
                self.record.keys[column.named[1]] = node

    def _leaf(self, kind: DataType, nulls: tuple[str, ...] | None) -> LeafNode:
        made = LeafNode(kind, nulls, len(self.all))
        self.all.append(made)
        return made

    def _node(self, kind: DataType, declared: Sequence[Declared], depth: int) -> Node:
        whole = [part for part in declared if not part.path][:1]
        nulls = whole[0].nulls if whole else None
        if isinstance(kind, StructType):
            members = Fields()
            fields: list[Node] = []
            for one in kind.fields:
                node = self._node(one.type, Declared.inside(declared, key_step(one.name)), depth)
                fields.append(node)
                if one.rest and isinstance(node, LeafNode):
                    members.rest = node.number
                else:
                    members.keys[one.name] = node
            return StructNode(kind, nulls, fields, members)
        if not isinstance(kind, ListType | MapType):
            return self._leaf(kind, nulls)
        number = len(self.lists)
        self.lists.append(ListEntry(len(self.all), depth + 1))
        if isinstance(kind, ListType):
            element = self._node(kind.element, Declared.inside(declared, ELEMENT), depth + 1)
            return ListNode(kind, nulls, number, depth + 1, None, element)
        key = self._leaf(VARCHAR, None)
        element = self._node(kind.value, whole, depth + 1)
        return ListNode(kind, nulls, number, depth + 1, key, element)

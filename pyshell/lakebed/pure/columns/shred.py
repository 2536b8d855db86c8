"""Typed values of records as entries of leaves: with the levels that say which lists and objects are around a value.

The definition level of an entry says how much of what is around it is there, the repetition level which list goes on
with it; those of a value that is there are the highest. It is the way of Parquet, and of the paper on Dremel before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lakebed.pure.columns.leaves import LeafNode, Leaves, ListNode, Node, StructNode
from lakebed.pure.json.types import HUGEINT, JSON, UBIGINT, VARCHAR, DataType

__all__ = ["LeafColumn", "Shredder", "physical"]

Put = Callable[[Any, int, int], None]
"""Takes a value, its repetition level, and the definition level of what is around it."""


class LeafColumn:
    """The entries of a leaf."""

    def __init__(self) -> None:
        self.repetition: list[int] = []
        """Empty where no list is around the leaf."""
        self.definition: list[int] = []
        """Empty where the leaf always has a value."""
        self.values: list[Any] = []
        """As Parquet has them; without NULLs."""


def physical(kind: DataType) -> Callable[[Any], Any] | None:
    """Makes a typed value what Parquet stores: bytes of texts and HUGEINTs, signed integers. None where it is that."""
    if kind in (VARCHAR, JSON):
        return str.encode
    if kind == HUGEINT:
        return lambda value: value.to_bytes(16, "big", signed=True)
    if kind == UBIGINT:
        return lambda value: value - (1 << 64) if value >> 63 else value
    return None


class Shredder:
    """Takes the values of rows."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self.columns: list[LeafColumn] = []
        self._lengths: list[list[int]] = [[] for _ in leaves.lists]
        self._marks: list[int] = []
        self.begin()

    def begin(self) -> None:
        """Begin with no rows."""
        self.columns = [LeafColumn() for _ in self._leaves.all]
        self._puts = [self._put(node, in_list=False) for node in self._leaves.columns]

    def push(self, values: Sequence[Any]) -> None:
        """Take a row: the typed value of each column."""
        self._marks = [len(column.values) for column in self.columns]
        for lengths in self._lengths:
            lengths.clear()
        for put, value in zip(self._puts, values, strict=True):
            put(value, 0, 0)

    def values(self, leaf: int) -> list[Any]:
        """The values of a leaf in the last row."""
        return self.columns[leaf].values[self._marks[leaf] :]

    def lengths(self, place: int) -> list[int]:
        """The lengths of a list in the last row, of those that have elements."""
        return self._lengths[place]

    def _put(self, node: Node, *, in_list: bool) -> Put:
        if isinstance(node, StructNode):
            return self._put_struct([self._put(field, in_list=in_list) for field in node.fields])
        if isinstance(node, ListNode):
            return self._put_list(node)
        return self._put_leaf(node, in_list=in_list, is_key=False)

    def _put_leaf(self, node: LeafNode, *, in_list: bool, is_key: bool) -> Put:
        column = self.columns[node.number]
        add_repetition, add_definition, add = column.repetition.append, column.definition.append, column.values.append
        made, own = physical(node.type), not is_key

        def put(value: Any, repetition: int, definition: int) -> None:
            if in_list:
                add_repetition(repetition)
            if value is None:
                add_definition(definition)
                return
            add_definition(definition + own)
            add(value if made is None else made(value))

        return put

    def _put_struct(self, fields: list[Put]) -> Put:
        nothing = (None,) * len(fields)

        def put(value: Any, repetition: int, definition: int) -> None:
            if value is None:
                value = nothing
            else:
                definition += 1
            for one, field in zip(value, fields, strict=True):
                field(one, repetition, definition)

        return put

    def _put_list(self, node: ListNode) -> Put:
        depth, lengths = node.depth, self._lengths[node.number]
        element = self._put(node.element, in_list=True)
        key = None if node.key is None else self._put_leaf(node.key, in_list=True, is_key=True)

        def put(value: Any, repetition: int, definition: int) -> None:
            if not value:
                level = definition if value is None else definition + 1
                if key is not None:
                    key(None, repetition, level)
                element(None, repetition, level)
                return
            lengths.append(len(value))
            for one in value:
                if key is not None:
                    key(one[0], repetition, definition + 2)
                    one = one[1]  # noqa: PLW2901  (an entry of a MAP)
                element(one, repetition, definition + 2)
                repetition = depth

        return put

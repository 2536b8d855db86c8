"""The types of values: docs/types.md, "The lattice"."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from lakebed.pure.json.names import plain_name
from lakebed.pure.json.node import (
    BEYOND,
    INEXACT,
    MAX_DEPTH,
    NUL,
    OFFSET,
    OUT_OF_RANGE,
    ROUNDED,
    SURROGATE,
    Node,
)
from lakebed.pure.json.settings import Settings
from lakebed.pure.json.summary import SURROGATE_KEY, Summary, frequent_fields
from lakebed.pure.json.times import DATE as DATES
from lakebed.pure.json.times import NAIVE, ZONED
from lakebed.pure.json.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    ELEMENT,
    HUGEINT,
    JSON,
    TIMESTAMP,
    TIMESTAMPTZ,
    UBIGINT,
    VARCHAR,
    DataType,
    Field,
    ListType,
    MapType,
    Step,
    StructType,
    key_step,
    lower,
)

__all__ = ["OTHER_KEYS", "in_place", "infer_column"]

OTHER_KEYS = "other_keys"
"""The name of the column or field of the keys that have none of their own."""

_MAP_KEYS = 200
_MAX_HUGEINT = 10**38 - 1
_MOST_NOTES = 8


def infer_column(summary: Summary, settings: Settings, node: Node, notes: list[str]) -> DataType:
    """The type of the values of a key of the record; what the user should know is added to `notes`."""
    return _Inference(summary, settings, notes).infer(node, "", (key_step(node.key),))


def in_place(fields: Iterable[Node]) -> list[Node]:
    """Fields in the order of columns: by the mean of their places, then by key."""
    return sorted(fields, key=cmp_to_key(_compared))


def _compared(a: Node, b: Node) -> int:
    difference = a.place * b.total - b.place * a.total
    return difference or (1 if a.key > b.key else -1)


class _Inference:
    """The types inside one column."""

    def __init__(self, summary: Summary, settings: Settings, notes: list[str]) -> None:
        self._summary = summary
        self._settings = settings
        self._notes = notes

    def _note(self, path: str, note: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(f"{path}: {note}" if path else note)

    def infer(self, node: Node, path: str, steps: tuple[Step, ...] | None) -> DataType:
        """The type of a node; `steps` lead to it, None where no type can be declared: in a MAP."""
        declaration = self._settings.declared.get(steps) if steps else None
        if declaration is not None:
            self._note(path, declaration.note)
            return declaration.type
        kinds = {
            "booleans": node.booleans,
            "numbers": node.integers + node.reals,
            "strings": node.strings,
            "arrays": node.arrays,
            "objects": node.objects,
        }
        found = [kind for kind, count in kinds.items() if count]
        if node.repeated:
            self._note(path, "the key stands more than once in some objects; the first counts")
        match found:
            case []:
                self._note(path, "only nulls so far")
                return JSON
            case ["booleans"]:
                return BOOLEAN
            case ["numbers"]:
                return self._number(node, path)
            case ["strings"]:
                return self._string(node, path)
            case ["arrays"]:
                return self._array(node, path, steps)
            case ["objects"]:
                return self._object(node, path, steps)
        self._note(path, f"mixed kinds: {', '.join(found)}")
        return JSON

    def _number(self, node: Node, path: str) -> DataType:
        low, high = node.low or 0, node.high or 0
        if node.marks & BEYOND or high > _MAX_HUGEINT or low < -_MAX_HUGEINT:
            self._note(path, "integers of more than 38 digits")
            return JSON
        if node.reals:
            if node.marks & OUT_OF_RANGE:
                self._note(path, "numbers too large or too small for DOUBLE")
                return JSON
            if node.marks & INEXACT:
                self._note(path, "fractions and integers that are not exact as DOUBLE")
                return JSON
            if node.marks & ROUNDED:
                self._note(path, "some numbers have more than the 17 digits DOUBLE keeps; _json has them all")
            return DOUBLE
        if low >= -(2**63) and high < 2**63:
            return BIGINT
        return UBIGINT if low >= 0 and high < 2**64 else HUGEINT

    def _string(self, node: Node, path: str) -> DataType:
        if node.marks & SURROGATE:
            self._note(path, "strings with lone surrogates, which are not Unicode text")
            return JSON
        if node.marks & NUL:
            self._note(path, "strings with the character U+0000")
        if node.forms == DATES:
            return DATE
        if node.forms == NAIVE:
            return TIMESTAMP
        if node.forms == ZONED:
            if node.marks & OFFSET:
                self._note(path, "times of several zones, shown as instants; _json has the zones")
            return TIMESTAMPTZ
        return VARCHAR

    def _array(self, node: Node, path: str, steps: tuple[Step, ...] | None) -> DataType:
        if node.depth >= MAX_DEPTH:
            self._note(path, "nested too deeply for types")
            return JSON
        if node.element is None:
            self._note(path, "only empty arrays so far")
            return ListType(JSON)
        return ListType(self.infer(node.element, f"{path}[]", steps and (*steps, ELEMENT)))

    def _object(self, node: Node, path: str, steps: tuple[Step, ...] | None) -> DataType:
        if node.depth >= MAX_DEPTH:
            self._note(path, "nested too deeply for types")
            return JSON
        fields = [field for field in node.fields.values() if field.total]
        if not fields and node.value is None:
            self._note(path, "only empty objects so far")
            return JSON
        is_sparse = len(fields) > _MAP_KEYS and sum(field.total for field in fields) * 10 < node.objects * len(fields)
        has_rest = node.value is not None or is_sparse
        if has_rest:
            fields = [field for field in frequent_fields(node) if field.total]
            if not fields:
                return self._map(self._summary.values_of(node), path)
        taken: set[str] = set()
        typed: list[Field] = []
        for field in in_place(fields):
            name = plain_name(field.key)
            if name is None:
                self._note(path, "a key that no field can be named by")
                return JSON
            if lower(name) in taken:
                self._note(path, f'keys that differ only in case: "{name}"')
                return JSON
            taken.add(lower(name))
            inside = steps and (*steps, key_step(field.key))
            typed.append(Field(name, self.infer(field, f"{path}.{name}", inside)))
        if has_rest:
            name = OTHER_KEYS
            while name in taken:
                name += "_"
            self._note(path, f"very many keys: those that most objects lack are in the field {name}")
            typed.append(Field(name, JSON, rest=True))
        return StructType(tuple(typed))

    def _map(self, values: Summary, path: str) -> DataType:
        """The type of an object with very many keys, whose values are all in one node."""
        if values.marks & SURROGATE_KEY:
            self._note(path, "very many keys, and somewhere keys with lone surrogates")
            return JSON
        kind = _Inference(values, self._settings, []).infer(values.root, f"{path}{{}}", None)
        if kind == JSON:
            self._note(path, "very many keys with values of different kinds")
            return JSON
        return MapType(kind)

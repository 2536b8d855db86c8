"""One path of a summary: what was seen there, and what weighs how much (docs/types.md, "Bounds")."""

from __future__ import annotations

__all__ = [
    "ALL_FORMS",
    "BEYOND",
    "INEXACT",
    "LIMITS",
    "MAX_COLUMNS",
    "MAX_DEPTH",
    "NUL",
    "OFFSET",
    "OUT_OF_RANGE",
    "ROUNDED",
    "SURROGATE",
    "Node",
    "key_bytes",
    "limit",
    "own_weight",
]

MAX_DEPTH = 12
"""Containers at this depth are counted, but not what is in them."""
MAX_COLUMNS = 4096
"""The most columns of a collection."""
LIMITS = (32_768, 4_096, 1_024, 512, 256, 128, 64, 64, 64, 64, 64, 64)
"""The greatest weight that the keys of an object may have together, by its depth."""
_COLUMN_SHARE = 1_024
"""What is inside a column adds at most this to the weight of the record."""

BEYOND, INEXACT, OUT_OF_RANGE, ROUNDED, SURROGATE, NUL, OFFSET = 1, 2, 4, 8, 16, 32, 64
"""The marks of a path."""
ALL_FORMS = 7
"""The forms of no string."""


def key_bytes(key: str) -> bytes:
    """A key as it is stored: a lone surrogate is the three bytes that UTF-8 would give its number."""
    return key.encode("utf-8", "surrogatepass")


def own_weight(key: str) -> int:
    """The weight of a path without what is below it."""
    if len(key) * 3 < 64:
        return 1
    return 1 + len(key_bytes(key)) // 64


def limit(depth: int) -> int:
    """The greatest weight of an object's keys at that depth."""
    return LIMITS[depth] if depth < MAX_DEPTH else 0


class Node:
    """What was seen at one path."""

    __slots__ = (
        "arrays",
        "booleans",
        "depth",
        "element",
        "expected",
        "fields",
        "forms",
        "high",
        "inner",
        "integers",
        "key",
        "low",
        "marks",
        "nulls",
        "objects",
        "parent",
        "place",
        "reals",
        "repeated",
        "strings",
        "value",
        "weight",
    )

    def __init__(self, key: str, parent: Node | None, depth: int) -> None:
        self.key = key
        """Empty for the record, for array elements and for the values of a collapsed object."""
        self.parent = parent
        self.depth = depth
        self.nulls = self.booleans = self.integers = self.reals = self.strings = self.objects = self.arrays = 0
        self.low: int | None = None
        """The smallest integer of at most 128 bits."""
        self.high: int | None = None
        self.marks = 0
        self.forms = ALL_FORMS
        """The forms that all strings have."""
        self.repeated = 0
        """How often the key was repeated in an object."""
        self.place = 0
        """The sum of the key's places in its objects."""
        self.element: Node | None = None
        """All elements of the arrays here."""
        self.value: Node | None = None
        """All values of the objects here, if they collapsed."""
        self.fields: dict[str, Node] = {}
        self.inner = 0
        """The weight of the fields together."""
        self.weight = own_weight(key)
        """The weight of the whole path."""
        self.expected = False
        """Whether other lines had it: then it is not forgotten when its object collapses."""

    @property
    def total(self) -> int:
        """The number of values of any kind, nulls included."""
        return self.nulls + self.booleans + self.integers + self.reals + self.strings + self.objects + self.arrays

    @property
    def share(self) -> int:
        """The weight that the path adds to its parent."""
        if self.depth != 1:
            return self.weight
        own = own_weight(self.key)
        return own + min(self.weight - own, _COLUMN_SHARE)

    def restrict(self, forms: int) -> None:
        """Keeps the forms that are also in `forms`. The mark about zones is kept only while all strings have a zone, so
        that it does not depend on the order of the strings."""
        self.forms &= forms
        if not self.forms & 4:
            self.marks &= ~OFFSET

    def see_integer(self, value: int) -> None:
        """Extends the range."""
        if -(1 << 53) <= value <= 1 << 53:
            pass
        elif not -(1 << 127) <= value < 1 << 127:
            self.marks |= BEYOND
            return
        elif float(value) != value:
            self.marks |= INEXACT
        if self.low is None or self.high is None:
            self.low = self.high = value
        elif value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value

    def add(self, other: Node) -> None:
        """Adds the values of another node, without what is below it."""
        self.nulls += other.nulls
        self.booleans += other.booleans
        self.integers += other.integers
        self.reals += other.reals
        self.strings += other.strings
        self.objects += other.objects
        self.arrays += other.arrays
        if other.low is not None and (self.low is None or other.low < self.low):
            self.low = other.low
        if other.high is not None and (self.high is None or other.high > self.high):
            self.high = other.high
        self.marks |= other.marks
        self.restrict(other.forms)
        self.place += other.place
        self.repeated += other.repeated

    def copy(self, parent: Node | None) -> Node:
        """A copy of it and everything below."""
        copy = Node.__new__(Node)
        copy.key, copy.parent, copy.depth = self.key, parent, self.depth
        copy.nulls, copy.booleans, copy.integers, copy.reals = self.nulls, self.booleans, self.integers, self.reals
        copy.strings, copy.objects, copy.arrays = self.strings, self.objects, self.arrays
        copy.low, copy.high, copy.marks, copy.forms = self.low, self.high, self.marks, self.forms
        copy.repeated, copy.place, copy.expected = self.repeated, self.place, self.expected
        copy.inner, copy.weight = self.inner, self.weight
        copy.fields = {key: field.copy(copy) for key, field in self.fields.items()} if self.fields else {}
        copy.element = self.element.copy(copy) if self.element else None
        copy.value = self.value.copy(copy) if self.value else None
        return copy

    def blank_copy(self, parent: Node | None) -> Node:
        """The same keys without values, which are expected."""
        copy = Node(self.key, parent, self.depth)
        copy.expected = True
        copy.inner, copy.weight = self.inner, self.weight
        for key, field in self.fields.items():
            copy.fields[key] = field.blank_copy(copy)
        copy.element = self.element.blank_copy(copy) if self.element else None
        copy.value = self.value.blank_copy(copy) if self.value else None
        return copy

    def written_fields(self) -> list[Node]:
        """The fields that are written and shown: those that were seen, and where it collapsed also those that were only
        expected, since that they were not seen says something."""
        if not self.objects:
            return []
        if self.value is not None:
            return list(self.fields.values())
        return [field for field in self.fields.values() if field.total]

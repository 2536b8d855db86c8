"""Shapes of records: found by a walk, numbered as they come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lakebed.pure.columns.leaves import LeafNode, Leaves
from lakebed.pure.columns.shapes import Interner, Values, encode_shapes, rebuilt
from lakebed.pure.columns.shred import physical
from lakebed.pure.columns.spell import Spellers
from lakebed.pure.columns.styles import Trial, zone_of
from lakebed.pure.columns.walk import Raw, Walk
from lakebed.pure.format.coding import Malformed
from lakebed.pure.json.fit import Misfit, exact
from lakebed.pure.json.types import BIGINT, BOOLEAN, DATE, HUGEINT, JSON, TIMESTAMPTZ, UBIGINT, VARCHAR

__all__ = ["Shaper", "spellers_of"]


def _typed(leaf: LeafNode, raw: str, value: Any) -> Any:
    """The typed value of the text of a hole. Raises `Misfit`."""
    if leaf.form == "json":
        return raw
    if leaf.type == VARCHAR:
        return value
    if isinstance(value, str) and "\\" in raw:
        # A time is written without escapes.
        raise Misfit
    return exact(leaf.type)(value)


class _Observed:
    """Lets a trial see the values of a sample."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def written(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        try:
            self._trial.observe(leaf.number, raw, _typed(leaf, raw, value))
        except Misfit:
            return None
        return None

    def written_as(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        self._trial.observe(leaf.number, raw, value)
        return None


def spellers_of(leaves: Leaves, records: Iterable[bytes]) -> bytes:
    """The spellers that write most values of these records as they are, encoded. The records are a sample of those to
    be written; those that have no shape show what they can."""
    trial = Trial(leaves)
    walk = Walk(leaves, _Observed(trial), Interner())
    for record in records:
        try:
            walk.record(record)
        except Raw:
            continue
    return trial.spellers()


_ONE, _INTEGER, _PLAIN, _COMPARED = range(4)


def _way(leaf: LeafNode, spellers: Spellers) -> int:
    """How values of a leaf are compared: there is one way to write them, all but -0 are written in one way, strings
    without escapes are written as they are, or by writing them."""
    if leaf.type in (JSON, BOOLEAN, DATE):
        return _ONE
    if leaf.type in (BIGINT, UBIGINT, HUGEINT):
        return _INTEGER
    return _PLAIN if spellers.plain[leaf.number] else _COMPARED


class _Spelled:
    """Compares the texts of holes with what their spellers write."""

    def __init__(self, leaves: Leaves, spellers: Spellers) -> None:
        self._spellers = spellers
        self._physical = [physical(leaf.type) for leaf in leaves.all]
        self._ways = [_way(leaf, spellers) for leaf in leaves.all]

    def written(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        way = self._ways[leaf.number]
        if way == _ONE:
            return None
        if way == _INTEGER:
            return raw if raw == "-0" else None
        if way == _PLAIN and "\\" not in raw:
            return None
        try:
            typed = _typed(leaf, raw, value)
        except Misfit:
            return raw
        return self.written_as(leaf, raw, typed)

    def written_as(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        number = leaf.number
        made = self._physical[number]
        try:
            stored = value if made is None else made(value)
            if self._spellers.leaves[number](stored) == raw:
                return None
            zoned = self._spellers.zoned[number]
            zone = zone_of(raw) if leaf.type == TIMESTAMPTZ else ""
            if zoned is not None and zone and zoned(stored, zone) == raw:
                return zone
        except (Malformed, UnicodeEncodeError):
            return raw
        return raw


class Shaper:
    """Finds the shapes of records."""

    def __init__(self, leaves: Leaves, spellers: bytes) -> None:
        self._spellers = Spellers.decode(spellers)
        self._interner = Interner()
        self._walk = Walk(leaves, _Spelled(leaves, self._spellers), self._interner)

    def shape(self, record: bytes) -> tuple[int, bytes] | None:
        """The number of a record's shape, and its `_fix`; None where the record is to be kept raw: the table of shapes
        is full, or more than half of the record would be in `_fix`."""
        try:
            self._walk.record(record)
        except Raw:
            return None
        fix = self._walk.fix
        # A few bytes are always worth it: tiny records are mostly brackets.
        if len(fix) > len(record) // 2 + 8:
            return None
        number = self._interner.number(bytes(self._walk.template))
        return None if number is None else (number, fix)

    def gives(self, record: bytes, shape: int, fix: bytes, values: Values) -> bool:
        """Whether a record is rebuilt from its shape, `_fix` and values."""
        try:
            return rebuilt(self._interner.shapes, self._spellers, shape, fix, values) == record
        except Malformed:
            return False

    @property
    def size(self) -> int:
        """Bytes of all templates."""
        return self._interner.size

    def encoded(self) -> bytes:
        """The table of shapes."""
        return encode_shapes(self._interner.templates)

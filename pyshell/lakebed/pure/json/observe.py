"""Adds the values of records to a summary."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from lakebed.pure.json.node import BEYOND, MAX_DEPTH, NUL, OFFSET, OUT_OF_RANGE, ROUNDED, SURROGATE, Node
from lakebed.pure.json.summary import ESCAPED_KEY, HIDDEN_KEY, SURROGATE_KEY, Summary
from lakebed.pure.json.syntax import Escaped, HugeInteger, MinusZero, Real, Value
from lakebed.pure.json.times import moment
from lakebed.pure.json.values import Record, record

__all__ = ["observe", "validate_and_observe"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_PLACES = 1 << 23
"""The places of one object add up to the square of its number of keys over this."""


def validate_and_observe(line: bytes, summary: Summary) -> Record:
    """Checks a line and adds it to the summary. Raises `JsonError`; the summary is then unchanged."""
    found = record(line)
    observe(found, summary)
    return found


def observe(found: Record, summary: Summary) -> None:
    """Adds a record to the summary."""
    if found.escaped_key:
        summary.marks |= ESCAPED_KEY
        if found.unicode_escapes and any(_SURROGATE.search(key) for key in _keys(found.value)):
            summary.marks |= SURROGATE_KEY
    _Observer(summary, unusual=found.unicode_escapes).value(summary.root, found.value)
    if summary.heavy:
        summary.settle()


def _keys(value: Value) -> list[str]:
    """All keys inside a value."""
    found: list[str] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) is tuple:
            found += (key for key, _ in one)
            pending += (inner for _, inner in one)
        elif type(one) is list:
            pending += one
    return found


class _Observer:
    """One line. `unusual`: strings may hold U+0000 or lone surrogates."""

    def __init__(self, summary: Summary, *, unusual: bool) -> None:
        self._summary = summary
        self._unusual = unusual

    def value(self, node: Node, value: Value) -> None:
        kind = type(value)
        if kind is str:
            self._string(node, value)
        elif kind is int:
            node.integers += 1
            low, high = node.low, node.high
            if low is None or high is None or not low <= value <= high or value > _EXACT or value < -_EXACT:
                node.see_integer(value)
        else:
            _OTHERS[kind](self, node, value)

    def _string(self, node: Node, value: str) -> None:
        node.strings += 1
        if node.forms:
            self._form(node, value)
        if self._unusual:
            self._characters(node, value)

    def _form(self, node: Node, value: str) -> None:
        found = moment(value)
        if found is None:
            node.restrict(0)
            return
        if not found.utc:
            node.marks |= OFFSET
        node.restrict(found.form)

    def _characters(self, node: Node, value: str) -> None:
        if "\0" in value:
            node.marks |= NUL
        if _SURROGATE.search(value):
            node.marks |= SURROGATE

    def escaped(self, node: Node, value: str) -> None:
        """A string with escapes is text: dates and timestamps need none."""
        node.strings += 1
        node.restrict(0)
        self._characters(node, value)

    def null(self, node: Node, _value: None) -> None:
        node.nulls += 1

    def boolean(self, node: Node, _value: bool) -> None:
        node.booleans += 1

    def minus_zero(self, node: Node, _value: int) -> None:
        node.integers += 1
        node.see_integer(0)

    def huge(self, node: Node, _value: str) -> None:
        node.integers += 1
        node.marks |= BEYOND

    def real(self, node: Node, value: str) -> None:
        node.reals += 1
        # In 17 bytes with a point it has at most 16 digits.
        if len(value) > 17:
            if significant_digits(value) > 17:
                node.marks |= ROUNDED
        elif "e" not in value and "E" not in value:
            return
        if double(value) is None:
            node.marks |= OUT_OF_RANGE

    def array(self, node: Node, value: list[Value]) -> None:
        node.arrays += 1
        if node.depth >= MAX_DEPTH:
            self._hidden(value)
            return
        if not value:
            return
        element = node.element or self._summary.add_element(node)
        for one in value:
            if type(one) is str:
                self._string(element, one)
            else:
                self.value(element, one)

    def _hidden(self, value: Value) -> None:
        """A value that is not examined."""
        if _keys(value):
            self._summary.marks |= HIDDEN_KEY

    def object(self, node: Node, pairs: tuple[tuple[str, Value], ...]) -> None:
        node.objects += 1
        if node.depth >= MAX_DEPTH:
            self._hidden(pairs)
            return
        if not pairs:
            return
        if len(dict(pairs)) != len(pairs):
            pairs = self._without_repeated(pairs)
        unit = _PLACES // len(pairs)
        place, step = unit, 2 * unit
        unusual = self._unusual
        fields = node.fields
        for key, value in pairs:
            field = fields.get(key)
            if field is None:
                if value is _REPEATED:
                    place += step
                    continue
                if node.value is not None:
                    # Which keys of a collapsed object were there is forgotten.
                    place += step
                    self.value(node.value, value)
                    continue
                field = self._summary.add_field(node, key)
            if value is _REPEATED:
                field.repeated += 1
                place += step
                continue
            field.place += place
            place += step
            if type(value) is str:
                field.strings += 1
                if field.forms:
                    self._form(field, value)
                if unusual:
                    self._characters(field, value)
            else:
                self.value(field, value)

    def _without_repeated(self, pairs: tuple[tuple[str, Value], ...]) -> tuple[tuple[str, Any], ...]:
        """The pairs, with a mark as the value of every key that was there before."""
        seen: set[str] = set()
        found: list[tuple[str, Any]] = []
        for key, value in pairs:
            if key in seen:
                self._hidden(value)
                found.append((key, _REPEATED))
            else:
                seen.add(key)
                found.append((key, value))
        return tuple(found)


_REPEATED = object()
_EXACT = 1 << 53

_OTHERS: dict[type, Callable[[_Observer, Node, Any], None]] = {
    type(None): _Observer.null,
    bool: _Observer.boolean,
    int: _Observer.value,
    MinusZero: _Observer.minus_zero,
    HugeInteger: _Observer.huge,
    Real: _Observer.real,
    Escaped: _Observer.escaped,
    list: _Observer.array,
    tuple: _Observer.object,
}


def double(text: str) -> float | None:
    """The nearest double of a number; None when that is infinite, or zero although the number is not."""
    value = float(text)
    if math.isinf(value) or (value == 0 and significant_digits(text)):
        return None
    return value


def significant_digits(text: str) -> int:
    """The number of digits from the first to the last that is not zero."""
    mantissa = text.lower().partition("e")[0]
    return len(mantissa.lstrip("-").replace(".", "").strip("0"))

"""Shapes: templates of records, and the bytes of a record from its shape, its values and its `_fix`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lakebed.pure.columns.spell import Spellers
from lakebed.pure.format.coding import Malformed, Reader, put_varint
from lakebed.pure.json.spans import members

__all__ = ["Interner", "Op", "Values", "decode_shapes", "encode_shapes", "rebuilt"]

_DEEPEST: Final = 64
LITERAL: Final = 0
HOLE: Final = 1
LIST: Final = 2
OTHER: Final = 3


class Op(NamedTuple):
    """An operation of a template."""

    kind: int
    number: int
    """Of the leaf or the list; of members, that of the leaf + 1, and 0 for a verbatim."""
    text: bytes = b""
    """The literal or the separator."""
    colon: bytes = b""
    elements: int = 0
    """Of a list: the shape of the elements + 1, or 0."""


def decode_shapes(data: bytes) -> list[list[Op]]:
    """The table of shapes: the operations of each. Raises `Malformed`."""
    reader = Reader(data)
    if reader.u8() != 1:
        raise Malformed("the table of shapes has another version")
    shapes: list[list[Op]] = []
    for _ in range(reader.varint()):
        shapes.append(_template(Reader(reader.take(reader.varint())), len(shapes)))
    reader.done()
    return shapes


def encode_shapes(templates: list[bytes]) -> bytes:
    """The table of shapes with these templates."""
    out = bytearray([1])
    put_varint(out, len(templates))
    for template in templates:
        put_varint(out, len(template))
        out += template
    return bytes(out)


class Interner:
    """A table of shapes that is made: it finds the number of a template."""

    _MOST = 65_536
    """Shapes, those of elements of lists included."""
    _MOST_BYTES = 16 << 20

    def __init__(self) -> None:
        self.templates: list[bytes] = []
        self.shapes: list[list[Op]] = []
        self.size = 0
        """Bytes of all templates."""
        self._numbers: dict[bytes, int] = {}

    def number(self, template: bytes) -> int | None:
        """The number of the shape with this template, which may be new; None where there is no room for it."""
        found = self._numbers.get(template)
        if found is not None:
            return found
        number = len(self.templates)
        if number >= self._MOST or self.size + len(template) > self._MOST_BYTES:
            return None
        self.shapes.append(_template(Reader(template), number))
        self.templates.append(template)
        self.size += len(template)
        self._numbers[template] = number
        return number


def _template(reader: Reader, number: int) -> list[Op]:
    found = []
    while reader.more:
        head = reader.varint()
        kind, n = head & 3, head >> 2
        if kind == LITERAL:
            if not n:
                raise Malformed("a literal is empty")
            found.append(Op(kind, n, reader.take(n)))
        elif kind == HOLE or (kind == OTHER and not n):
            found.append(Op(kind, n))
        elif kind == LIST:
            elements = reader.varint()
            if elements > number:
                raise Malformed("a shape of elements comes after the shape that names it")
            separator = reader.take(reader.varint())
            if not separator:
                raise Malformed("a separator is empty")
            found.append(Op(kind, n, separator, b"", elements))
        else:
            separator = reader.take(reader.varint())
            found.append(Op(kind, n, separator, reader.take(reader.varint())))
    return found


class Values:
    """The values of a record: those of each leaf and the lengths of each list, in order.

    They are read when the first of a leaf is asked for: `leaf` gives all of a leaf, and `lengths` all of a list.
    """

    def __init__(self, leaf: Callable[[int], list[Any]], lengths: Callable[[int], list[int]]) -> None:
        self._leaf = leaf
        self._lengths = lengths
        self._values: dict[int, list[Any]] = {}
        self._lists: dict[int, list[int]] = {}

    def next(self, leaf: int) -> Any:
        """The next value of a leaf. Raises `Malformed`."""
        found = self._values.get(leaf)
        if found is None:
            found = self._values[leaf] = self._leaf(leaf)[::-1]
        if not found:
            raise Malformed("a record has fewer values than its shape")
        return found.pop()

    def length(self, place: int) -> int:
        """The next length of a list. Raises `Malformed`."""
        found = self._lists.get(place)
        if found is None:
            found = self._lists[place] = self._lengths(place)[::-1]
        if not found:
            raise Malformed("a record has fewer lists than its shape")
        return found.pop()


def rebuilt(shapes: list[list[Op]], spellers: Spellers, shape: int, fix: bytes, values: Values) -> bytes:
    """The record of that shape. Raises `Malformed`."""
    record = _Record(shapes, spellers, Reader(fix), values)
    record.write(shape, 0)
    return b"".join(record.out)


class _Record:
    def __init__(self, shapes: list[list[Op]], spellers: Spellers, fix: Reader, values: Values) -> None:
        self.shapes = shapes
        self.spellers = spellers
        self.fix = fix
        self.values = values
        self.out: list[bytes] = []
        self.members: dict[int, list[tuple[bytes, bytes]]] = {}
        """The members that are left of the object that is the current value of a leaf, the last first."""
        self.exceptions = [(fix.varint(), fix.take(fix.varint())) for _ in range(fix.varint() if fix.more else 0)][::-1]
        """Those that are left, the last first: the holes before each, and its text."""
        self.holes = 0
        """Holes since the last exception."""

    def write(self, shape: int, depth: int) -> None:
        if shape >= len(self.shapes) or depth > _DEEPEST:
            raise Malformed("a record has a shape that there is not")
        for op in self.shapes[shape]:
            if op.kind == LITERAL:
                self.out.append(op.text)
            elif op.kind == HOLE:
                self.hole(op.number)
            elif op.kind == LIST:
                self.list(op, depth)
            elif op.number:
                self.object(op)
            else:
                self.out.append(self.fix.take(self.fix.varint()))

    def hole(self, leaf: int) -> None:
        if leaf >= len(self.spellers.leaves):
            raise Malformed("a shape names a leaf that there is not")
        value = self.values.next(leaf)
        if not self.exceptions or self.exceptions[-1][0] != self.holes:
            self.holes += 1
            self.out.append(self.spellers.leaves[leaf](value).encode())
            return
        _, text = self.exceptions.pop()
        self.holes = 0
        zoned = self.spellers.zoned[leaf]
        if zoned is not None and text[:1] in (b"+", b"-", b"Z"):
            text = zoned(value, text.decode("ascii", "replace")).encode()
        self.out.append(text)

    def list(self, op: Op, depth: int) -> None:
        for place in range(self.values.length(op.number)):
            if place:
                self.out.append(op.text)
            self.write(op.elements - 1 if op.elements else self.fix.varint(), depth + 1)

    def object(self, op: Op) -> None:
        count = self.fix.varint()
        left = self.members.get(op.number, [])
        if count and not left:
            left = self.members[op.number] = _members(self.values.next(op.number - 1))
        for place in range(count):
            if not left:
                raise Malformed("an object has fewer members than its shape")
            key, value = left.pop()
            self.out += [op.text if place else b"", key, op.colon, value]


def _members(text: bytes) -> list[tuple[bytes, bytes]]:
    """The keys in quotes and the texts of the values of an object, the last first."""
    try:
        whole = text.decode()
        if whole[:1] != "{":
            raise Malformed("a value is no object")
        found = [
            (f'"{written}"'.encode(), whole[begin:end].encode()) for _, written, _, begin, end in members(whole, 0)
        ]
    except (ValueError, IndexError, StopIteration):
        raise Malformed("a value is no object") from None
    return found[::-1]

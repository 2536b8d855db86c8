"""The bytes of a summary: docs/types.md, "Bytes of a description"."""

from __future__ import annotations

from typing import NoReturn

from lakebed.pure.json.node import ALL_FORMS, MAX_DEPTH, Node, key_bytes
from lakebed.pure.json.summary import Summary, weigh

__all__ = ["BadSummary", "Input", "block", "decode_body", "encode_body", "needs_second_version", "varint"]

_MOST = 2**64 - 1
_COUNTS = ("nulls", "booleans", "integers", "reals", "strings", "objects", "arrays")
_RANGE, _WIDE_RANGE, _MARKS, _FORMS, _REPEATED, _ELEMENT, _VALUE, _FIELDS = (1 << bit for bit in range(7, 15))
_ALL_PARTS = (1 << 15) - 1
_ALL_MARKS = 127
_ALL_KEY_MARKS = 7


class BadSummary(Exception):
    """Why bytes are not a description: half a sentence, to follow its subject."""


class NewerSummary(BadSummary):
    """The bytes are those of a newer version."""


def bad(why: str) -> NoReturn:
    """Raises `BadSummary`."""
    raise BadSummary(why)


def varint(number: int, out: bytearray) -> None:
    """Appends a number below 2^64."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def block(data: bytes, out: bytearray) -> None:
    """Appends a length and as many bytes."""
    varint(len(data), out)
    out += data


def needs_second_version(summary: Summary) -> bool:
    """Whether an object collapsed and kept keys, which version 1 cannot say."""
    pending = [summary.root]
    while pending:
        node = pending.pop()
        fields = node.written_fields()
        value = node.value if node.objects else None
        if value is not None and fields:
            return True
        pending += fields
        if value is not None:
            pending.append(value)
        if node.element is not None and node.arrays:
            pending.append(node.element)
    return False


def encode_body(summary: Summary, out: bytearray) -> None:
    """Appends the marks and the node of the record."""
    out.append(summary.marks)
    _encode_node(summary.root, out)


def _encode_node(node: Node, out: bytearray) -> None:
    counts = [min(getattr(node, name), _MOST) for name in _COUNTS]
    low, high = node.low, node.high
    parts = sum(1 << bit for bit, count in enumerate(counts) if count)
    ranged = low is not None and high is not None
    narrow = low is not None and high is not None and low >= -(2**63) and high < 2**63
    parts |= (_RANGE if narrow else _WIDE_RANGE) if ranged else 0
    parts |= _MARKS if node.marks else 0
    parts |= _FORMS if node.forms != ALL_FORMS else 0
    parts |= _REPEATED if node.repeated else 0
    element = node.element if node.arrays else None
    value = node.value if node.objects else None
    fields = sorted((key_bytes(field.key), field) for field in node.written_fields())
    parts |= _ELEMENT if element is not None else 0
    parts |= _VALUE if value is not None else 0
    parts |= _FIELDS if fields else 0

    varint(parts, out)
    for count in counts:
        if count:
            varint(count, out)
    if low is not None and high is not None:
        if narrow:
            varint(_zigzag(low), out)
            varint(_zigzag(high), out)
        else:
            out += low.to_bytes(16, "little", signed=True) + high.to_bytes(16, "little", signed=True)
    if node.marks:
        out.append(node.marks)
    if node.forms != ALL_FORMS:
        out.append(node.forms)
    if node.repeated:
        varint(min(node.repeated, _MOST), out)
    if element is not None:
        _encode_node(element, out)
    if value is not None:
        _encode_node(value, out)
    if fields:
        varint(len(fields), out)
        for key, field in fields:
            block(key, out)
            varint(min(field.place, _MOST), out)
            _encode_node(field, out)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


class Input:
    """Bytes that are read from the front. Every method raises `BadSummary` where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            bad("ends too early")
        self._at += count
        return found

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next number, in its shortest form."""
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            if shift > 63:
                bad("has a number above 64 bits")
        if number > _MOST:
            bad("has a number above 64 bits")
        if byte == 0 and shift > 7:
            bad("has a number that is not in its shortest form")
        return number

    def zigzag(self) -> int:
        """The next signed number."""
        number = self.varint()
        return -(number + 1) // 2 if number & 1 else number // 2

    def block(self) -> bytes:
        """The next length and as many bytes."""
        return self.take(self.varint())

    def end(self) -> None:
        """Raises unless everything was read."""
        if self._at != len(self._data):
            bad("has bytes after its end")


def decode_body(source: Input) -> Summary:
    """What `encode_body` wrote, to the end of the bytes. Raises `BadSummary`."""
    summary = Summary()
    summary.marks = source.byte()
    if summary.marks & ~_ALL_KEY_MARKS:
        bad("has unknown marks")
    _decode_node(source, summary.root)
    source.end()
    return summary


def _decode_node(source: Input, node: Node) -> None:
    parts = source.varint()
    if parts & ~_ALL_PARTS:
        bad("has unknown parts")
    for bit, name in enumerate(_COUNTS):
        if parts & 1 << bit:
            count = source.varint()
            if not count:
                bad("has a count of zero")
            setattr(node, name, count)
    if parts & _RANGE and parts & _WIDE_RANGE:
        bad("has two ranges")
    if parts & _RANGE:
        node.low, node.high = source.zigzag(), source.zigzag()
    elif parts & _WIDE_RANGE:
        node.low = int.from_bytes(source.take(16), "little", signed=True)
        node.high = int.from_bytes(source.take(16), "little", signed=True)
    if node.low is not None and node.high is not None and node.low > node.high:
        bad("has a range that is empty")
    if parts & _MARKS:
        node.marks = source.byte()
        if not node.marks or node.marks & ~_ALL_MARKS:
            bad("has unknown marks")
    if parts & _FORMS:
        node.forms = source.byte()
        if node.forms >= ALL_FORMS:
            bad("has unknown formats")
    if parts & _REPEATED:
        node.repeated = source.varint()
    if parts & (_ELEMENT | _VALUE | _FIELDS) and node.depth >= MAX_DEPTH:
        bad("is nested too deeply")
    if parts & _ELEMENT:
        node.element = Node("", node, node.depth + 1)
        _decode_node(source, node.element)
    if parts & _VALUE:
        node.value = Node("", node, node.depth + 1)
        _decode_node(source, node.value)
    if parts & _FIELDS:
        _decode_fields(source, node)
    weigh(node)


def _decode_fields(source: Input, node: Node) -> None:
    before = b""
    for number in range(source.varint()):
        key = source.block()
        if number and key <= before:
            bad("has its keys out of order")
        before = key
        try:
            text = key.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            bad("has a key that is not UTF-8")
        place = source.varint()
        field = node.fields[text] = Node(text, node, node.depth + 1)
        field.place = place
        _decode_node(source, field)

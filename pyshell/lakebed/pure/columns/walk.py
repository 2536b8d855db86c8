"""A walk over a record: its template, and its `_fix`.

What the columns hold of a record becomes holes, lists and members; everything else is a literal, or a text of `_fix`.
"""

from __future__ import annotations

from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there
from typing import Any, NamedTuple, Protocol

from lakebed.pure.columns.leaves import Fields, LeafNode, Leaves, ListNode, Node, StructNode
from lakebed.pure.columns.shapes import Interner
from lakebed.pure.format.coding import put_varint
from lakebed.pure.json.fit import MISFIT, fitted, has_lone_surrogate
from lakebed.pure.json.spans import skip_blanks
from lakebed.pure.json.syntax import Escaped
from lakebed.pure.json.types import JSON
from lakebed.pure.json.values import scan_part

__all__ = ["Holes", "Raw", "Walk"]

_HOLE, _LIST, _OTHER = 1, 2, 3


class Raw(Exception):
    """The record has no shape: it is kept as it is."""


class _Irregular(Exception):
    """A list that its elements do not tell: separators differ, or a MAP lacks an entry."""


class Holes(Protocol):
    """What is done with the texts of holes."""

    def written(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        """What `_fix` has to say of a value: None where the leaf's speller writes this text, which is without quotes.
        `value` is the value of the text as JSON."""

    def written_as(self, leaf: LeafNode, raw: str, value: Any) -> str | None:
        """The same of a typed value."""


class _Run(NamedTuple):
    """Members of an object that its rest holds, one after the other."""

    start: int
    end: int
    members: int
    separator: str | None
    colon: str


class Walk:
    """Walks records of the same columns, one after the other."""

    def __init__(self, leaves: Leaves, holes: Holes, interner: Interner) -> None:
        self._leaves = leaves
        self._holes = holes
        self._interner = interner
        self._separators: dict[int, str] = {}
        """For each list the separator of the last one with two elements, which is that of a list with one."""
        self._rest_separators: dict[int, str] = {}
        self._text = ""
        self.template = bytearray()
        """That of the record, or of the element that is walked."""
        self._from = 0
        """Where the literal begins that is not in the template yet."""
        self._exceptions = bytearray()
        self._count = 0
        self._passed = 0
        """Holes since the last exception."""
        self._stream = bytearray()

    def record(self, data: bytes) -> None:
        """Walks a record, which is JSON. Raises `Raw`."""
        self._text = text = data.decode()
        self.template, self._exceptions, self._stream = bytearray(), bytearray(), bytearray()
        self._from = self._count = self._passed = 0
        start = skip_blanks(text, 0)
        if text[start] == "{":
            self._object(self._leaves.record, start)
        elif text[start] != "n":
            if self._leaves.non_object is not None:
                _, end = scan_part(text, start)
                self._hole(self._leaves.all[self._leaves.non_object], start, end, text[start:end])
            else:
                self._verbatim(start)
        self._flush(len(text))

    @property
    def fix(self) -> bytes:
        """The `_fix` of the record; nothing where there is nothing to say."""
        if not self._count and not self._stream:
            return b""
        out = bytearray()
        put_varint(out, self._count)
        return bytes(out + self._exceptions + self._stream)

    def _flush(self, end: int) -> None:
        """Ends the literal before `end`."""
        literal = self._text[self._from : end].encode()
        if literal:
            put_varint(self.template, len(literal) << 2)
            self.template += literal
        self._from = end

    # --- Values ---

    def _value(self, node: Node, at: int) -> int:
        """Takes the value at an offset. Returns the offset after it."""
        text = self._text
        first = text[at]
        if node.nulls is not None and not (
            (first == "{" and isinstance(node, StructNode)) or (first in "[{" and isinstance(node, ListNode))
        ):
            return self._declared(node, at)
        if first == "n":
            return at + 4
        if isinstance(node, LeafNode):
            return self._leaf(node, at)
        if isinstance(node, StructNode):
            if first == "{":
                return self._object(node.members, at)
        elif first in "[{":
            if (node.key is not None) == (first == "{"):
                return self._list(node, at)
            if node.nulls is not None:
                # The declared list has no value here.
                return self._verbatim(at)
        raise Raw

    def _leaf(self, node: LeafNode, at: int) -> int:
        text = self._text
        value, end = scan_part(text, at)
        first, form = text[at], node.form
        if form == "json":
            self._hole(node, at, end, value)
        elif form == "text" and first == '"':
            self._hole(node, at + 1, end - 1, value)
        elif (form == "number" and first in "-0123456789") or (form == "boolean" and first in "tf"):
            self._hole(node, at, end, value)
        else:
            raise Raw
        return end

    def _hole(self, leaf: LeafNode, start: int, end: int, value: Any) -> None:
        """A hole for the text between two offsets."""
        self._put_hole(leaf, start, end, self._holes.written(leaf, self._text[start:end], value))

    def _put_hole(self, leaf: LeafNode, start: int, end: int, exception: str | None) -> None:
        self._flush(start)
        self._from = end
        put_varint(self.template, leaf.number << 2 | _HOLE)
        if exception is None:
            self._passed += 1
            return
        put_varint(self._exceptions, self._passed)
        _put_block(self._exceptions, exception)
        self._count += 1
        self._passed = 0

    def _verbatim(self, at: int) -> int:
        """Takes a value that no column has."""
        text = self._text
        if text[at] == "n":
            return at + 4
        _, end = scan_part(text, at)
        self._flush(at)
        self._from = end
        put_varint(self.template, _OTHER)
        _put_block(self._stream, text[at:end])
        return end

    def _declared(self, node: Node, at: int) -> int:
        """Takes a value whose type was declared, other than the list or object that the type says."""
        text = self._text
        value, end = scan_part(text, at)
        nulls = node.nulls or ()
        if not isinstance(node, LeafNode):
            # It is NULL, as a text that means that, or because it does not fit.
            return end if fitted(JSON, value, text[at:end], nulls) is None else self._verbatim(at)
        is_text = text[at] == '"'
        if is_text and "\\" in text[at:end]:
            value = Escaped(value)
        found = fitted(node.type, value, text[at:end], nulls)
        if found is None:
            return end
        if found is MISFIT:
            return self._verbatim(at)
        # Quotes belong to the shape, but for the text of JSON.
        start, stop = (at + 1, end - 1) if is_text and node.type != JSON else (at, end)
        self._put_hole(node, start, stop, self._holes.written_as(node, text[start:stop], found))
        return end

    # --- Objects ---

    def _object(self, fields: Fields, at: int) -> int:
        text = self._text
        seen: set[str] = set()
        others: set[str] = set()
        run: _Run | None = None
        at = skip_blanks(text, at + 1)
        while text[at] != "}":
            key, key_end = scanstring(text, at + 1)
            begin = skip_blanks(text, skip_blanks(text, key_end) + 1)
            node = fields.keys.get(key)
            if node is None and fields.rest is not None and key not in fields.known and key not in others:
                others.add(key)
                _, end = scan_part(text, begin)
                run = self._rest_member(fields.rest, run, at, text[key_end:begin], end)
            else:
                self._end_run(fields.rest, run)
                run = None
                if node is not None and key not in seen:
                    seen.add(key)
                    end = self._value(node, begin)
                else:
                    end = self._verbatim(begin)
            at = skip_blanks(text, end)
            if text[at] == ",":
                at = skip_blanks(text, at + 1)
        self._end_run(fields.rest, run)
        return at + 1

    def _rest_member(self, rest: int, run: _Run | None, start: int, colon: str, end: int) -> _Run:
        """Takes a member that the rest holds: in the run, or in a new one where it is spelled otherwise."""
        if run is not None:
            separator = self._text[run.end : start]
            if run.colon == colon and run.separator in (None, separator):
                return _Run(run.start, end, run.members + 1, separator, colon)
            self._end_run(rest, run)
        return _Run(start, end, 1, None, colon)

    def _end_run(self, rest: int | None, run: _Run | None) -> None:
        if run is None or rest is None:
            return
        self._flush(run.start)
        self._from = run.end
        if run.separator is not None:
            self._rest_separators[rest] = run.separator
        put_varint(self.template, (rest + 1) << 2 | _OTHER)
        _put_block(self.template, self._rest_separators.get(rest, ","))
        _put_block(self.template, run.colon)
        put_varint(self._stream, run.members)

    # --- Lists and maps ---

    def _list(self, node: ListNode, at: int) -> int:
        """Takes a list or MAP, or its text where it cannot be told by its elements."""
        if node.depth > 1:
            return self._elements(node, at)
        template, length, literal = self.template, len(self.template), self._from
        exceptions, stream = len(self._exceptions), len(self._stream)
        count, passed = self._count, self._passed
        try:
            return self._elements(node, at)
        except _Irregular:
            del template[length:]
            self.template, self._from = template, literal
            del self._exceptions[exceptions:], self._stream[stream:]
            self._count, self._passed = count, passed
            return self._verbatim(at)

    def _elements(self, node: ListNode, at: int) -> int:
        text = self._text
        at = skip_blanks(text, at + 1)
        if text[at] in "]}":
            return at + 1
        self._flush(at)
        outer, stream = self.template, len(self._stream)
        found: list[tuple[int, int]] = []
        end = self._each_element(node, at, found)
        self.template = outer
        shapes = {shape for shape, _ in found}
        if len(shapes) > 1:
            self._name_shapes(found, stream)
        put_varint(outer, node.number << 2 | _LIST)
        put_varint(outer, found[0][0] + 1 if len(shapes) == 1 else 0)
        _put_block(outer, self._separators.get(node.number, ","))
        return end

    def _name_shapes(self, elements: list[tuple[int, int]], start: int) -> None:
        """Puts the shape of each element before what it has in the stream of `_fix`."""
        tail = bytes(self._stream[start:])
        del self._stream[start:]
        ends = [at for _, at in elements[1:]] + [start + len(tail)]
        for (shape, at), end in zip(elements, ends, strict=True):
            put_varint(self._stream, shape)
            self._stream += tail[at - start : end - start]

    def _each_element(self, node: ListNode, at: int, found: list[tuple[int, int]]) -> int:
        """Takes the elements, whose shapes and places in the stream of `_fix` it adds to `found`, and the bracket after
        the last one."""
        text = self._text
        seen: set[str] = set()
        separator: str | None = None
        while True:
            self._from = at
            self.template = bytearray()
            stream = len(self._stream)
            start = at
            if node.key is not None:
                key, key_end = scanstring(text, at + 1)
                if has_lone_surrogate(key) or key in seen:
                    # The entry is not in the column.
                    raise _Irregular
                seen.add(key)
                self._hole(node.key, at + 1, key_end - 1, key)
                start = skip_blanks(text, skip_blanks(text, key_end) + 1)
            end = self._value(node.element, start)
            self._flush(end)
            shape = self._interner.number(bytes(self.template))
            if shape is None:
                raise Raw
            found.append((shape, stream))
            at = skip_blanks(text, end)
            if text[at] in "]}":
                self._from = end
                return at + 1
            at = skip_blanks(text, at + 1)
            if separator is None:
                separator = self._separators[node.number] = text[end:at]
            elif separator != text[end:at]:
                raise _Irregular


def _put_block(out: bytearray, text: str) -> None:
    data = text.encode()
    put_varint(out, len(data))
    out += data

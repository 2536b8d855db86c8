"""Values in one array, or one after the other, as one value a line."""

from __future__ import annotations

import re
from typing import Literal

from lakebed.errors import BadRecord
from lakebed.pure.ingest.layout import Layout, layout
from lakebed.pure.ingest.readers import Reader
from lakebed.pure.json.syntax import MAX_LENGTH

__all__ = ["Values"]

_BLOCK = 64 << 10
_LOOK_AHEAD = 1 << 20
"""The most bytes that are read to tell how the values are laid out."""
_LONGEST = MAX_LENGTH + 1
"""The longest value in bytes; a longer one is cut, which makes it a bad line that is too long."""

_OPENING = (b"{", b"[", b'"')
_BLANKS = b" \t\r\n"
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_WORD_END = re.compile(rb'[ \t\r\n{\["]')
_ELEMENT_WORD_END = re.compile(rb"[ \t\r\n,\]]")
_BETWEEN_PARTS = re.compile(rb'("(?:[^"\\]|\\.)*"?)|[ \t\r\n]+', re.DOTALL)

_Place = Literal["between", "before array", "first element", "before element", "after element", "value", "word"]


class Values:
    """The content of a reader as one value a line."""

    def __init__(self, name: str, reader: Reader) -> None:
        self._name = name
        self._reader = reader
        self._out = b""
        self._splitter: _Splitter | None = None
        self._ended = False

    @property
    def minified(self) -> int:
        """How many values were stored without the blanks between their parts, because of line breaks in them."""
        return 0 if self._splitter is None else self._splitter.minified

    def look(self) -> Layout:
        """Reads as much as tells how the values are laid out. To be called once, before anything is read."""
        first = b""
        wanted = _BLOCK
        while True:
            more = self._reader.read(min(wanted, _LOOK_AHEAD))
            if more is None:
                continue
            first += more
            found = layout(first, whole=not more or len(first) >= _LOOK_AHEAD)
            if found is not None:
                break
            # A value over many reads is not looked at again for each of them.
            wanted = len(first)
        if found == "lines":
            self._out = first
        else:
            self._splitter = _Splitter(self._name, in_array=found == "array")
            self._out = self._splitter.split(first)
        return found

    def read(self, size: int) -> bytes | None:
        """As of a reader. Raises `BadRecord` where an array is not one."""
        while not self._out:
            if self._splitter is None:
                return self._reader.read(size)
            if self._ended:
                return b""
            more = self._reader.read(_BLOCK)
            if more is None:
                return None
            self._ended = not more
            self._out = self._splitter.split(more) if more else self._splitter.finish()
        found, self._out = self._out[:size], self._out[size:]
        return found

    def close(self) -> None:
        """Closes the reader."""
        self._reader.close()


class _Splitter:
    """Cuts values apart, in blocks of any size."""

    def __init__(self, name: str, *, in_array: bool) -> None:
        self._name = name
        self._place: _Place = "before array" if in_array else "between"
        self._in_array = in_array
        self._values = 0
        """Values that were ended."""
        self._parts: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False
        """The last byte of a block is a backslash of a string."""
        self._out: list[bytes] = []
        self._begun = False
        self.minified = 0

    def split(self, block: bytes) -> bytes:
        """The values that end in this block, each as a line. Raises `BadRecord`."""
        if not self._begun:
            block = block.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        at = 0
        while at < len(block):
            if self._place == "value":
                at = self._in_value(block, at)
            elif self._place == "word":
                at = self._in_word(block, at)
            else:
                at = self._between(block, at)
        found, self._out = b"".join(self._out), []
        return found

    def _between(self, block: bytes, at: int) -> int:
        byte = block[at : at + 1]
        place = self._place
        if byte in _BLANKS:
            return at + 1
        if place == "before array":
            if byte != b"[":
                self._fail("text follows the end of the array")
            self._place = "first element"
            return at + 1
        if place == "after element":
            if byte == b",":
                self._place = "before element"
            elif byte == b"]":
                self._place = "before array"
            else:
                self._fail("a comma or ] is missing between elements")
            return at + 1
        if place != "between" and byte == b"]":
            if place == "before element":
                self._fail("an element is missing after the last comma")
            self._place = "before array"
            return at + 1
        if place != "between" and byte == b",":
            self._fail("an element is missing before a comma")
        self._depth, self._in_string, self._escaped = 0, False, False
        self._place = "value" if byte in _OPENING else "word"
        return at

    def _in_value(self, block: bytes, start: int) -> int:
        """Takes bytes of a value with brackets or quotes; the offset of those that it leaves."""
        at = start
        if self._escaped:
            self._escaped = False
            at += 1
        while True:
            found = (_INSIDE if self._in_string else _OUTSIDE).search(block, at)
            if found is None:
                self._take(block[start:])
                return len(block)
            at = found.end()
            byte = found[0]
            if byte == b"\\":
                if at == len(block):
                    self._escaped = True
                at += 1
                continue
            if byte == b'"':
                self._in_string = not self._in_string
            else:
                self._depth = self._depth + 1 if byte in b"{[" else max(self._depth - 1, 0)
            if self._depth == 0 and not self._in_string:
                self._take(block[start:at])
                self._end()
                return at

    def _in_word(self, block: bytes, start: int) -> int:
        """Takes bytes of a number or word; the offset of those that it leaves."""
        # The first byte is the value's own, whatever it is.
        begin = start if self._size else start + 1
        found = (_ELEMENT_WORD_END if self._in_array else _WORD_END).search(block, begin)
        if found is None:
            self._take(block[start:])
            return len(block)
        self._take(block[start : found.start()])
        self._end()
        return found.start()

    def _take(self, data: bytes) -> None:
        room = max(0, _LONGEST - self._size)
        self._parts.append(data[:room])
        self._size += len(self._parts[-1])

    def _end(self) -> None:
        """Ends the value: it becomes a line."""
        value = b"".join(self._parts)
        self._parts, self._size = [], 0
        self._values += 1
        if b"\n" in value:
            self.minified += 1
            value = _minified(value)
        self._out += (value, b"\n")
        self._place = "after element" if self._in_array else "between"

    def finish(self) -> bytes:
        """The end of the content: the value that ends there, as a line. Raises `BadRecord`."""
        if self._in_array and self._place != "before array":
            self._fail("the array has no end, so that the file is cut off: copy or fetch it again")
        if self._place in ("value", "word"):
            self._end()
        found, self._out = b"".join(self._out), []
        return found

    def _fail(self, what: str) -> None:
        where = f"after its value {self._values}" if self._values else "at its beginning"
        raise BadRecord(f"{self._name}: {where}, {what}.")


def _minified(value: bytes) -> bytes:
    """The value without the blanks between its parts. A line break in a string, which is not JSON, becomes a tab, which
    is not JSON there either."""
    return _BETWEEN_PARTS.sub(lambda found: (found[1] or b"").replace(b"\n", b"\t"), value)

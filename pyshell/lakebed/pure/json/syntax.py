"""The grammar of JSON, strictly, with the byte and the reason of what is wrong: docs/types.md, "Accepted lines".

Slow and exact: `lakebed.pure.json.values` asks it only about texts that the standard library's parser refuses or cannot
tell apart.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

__all__ = [
    "INSIDE_STRING",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "TEXT_AFTER",
    "Escaped",
    "HugeInteger",
    "JsonError",
    "MinusZero",
    "Real",
    "Value",
    "first_value",
    "is_unfinished",
    "parse",
]

MAX_LENGTH = 256 << 20
"""The longest text that is accepted, in bytes."""
MAX_DEPTH = 1024
"""The largest number of open arrays and objects."""

INSIDE_STRING = "the line ends inside a string"
TEXT_AFTER = "unexpected text after the JSON value"

Value = Any
"""A parsed value: None, bool, int (or `MinusZero`, `HugeInteger`), `Real`, str (or `Escaped`), a list of the elements
of an array, or a tuple of the (key, value) pairs of an object."""


class Real(str):
    """The text of a number with fraction or exponent."""

    __slots__ = ()


class HugeInteger(str):
    """The text of an integer with more digits than Python converts."""

    __slots__ = ()


class MinusZero(int):
    """The integer that was written `-0`."""

    __slots__ = ()


class Escaped(str):
    """A string that was written with an escape."""

    __slots__ = ()


class JsonError(Exception):
    """Where and why a text is not JSON."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(f"column {at + 1}: {reason}")
        self.column = at + 1
        """The first byte of the line that is not JSON, counted from 1; one past the last where the line ends too
        early."""
        self.reason = reason
        """What is wrong there: half a sentence, to follow a colon."""

    def is_at_end(self, text: bytes) -> bool:
        """Whether `text`, the text of this error, is a valid start of JSON that ends too early."""
        return self.column > len(text.rstrip(b" \t\n\x0c\r"))


_BLANKS = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_SHORT = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}
_MOST_DIGITS = 4000
"""More digits are a `HugeInteger`: Python's own limit is 4,300."""

_NO_VALUE = (
    (b"'", "strings need double quotes"),
    (b"NIu", "NaN, Infinity, None and undefined are not JSON"),
    (b"TF", "true and false are written in lower case"),
    (b"+.", "a number starts with a digit or a minus sign"),
    (b"/#", "comments are not JSON"),
)


def parse(data: bytes) -> Value:
    """The value of a text with blanks around it. Raises `JsonError`."""
    if len(data) > MAX_LENGTH:
        raise JsonError(MAX_LENGTH, "the line is longer than 256 MiB")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise JsonError(error.start, "not valid UTF-8") from None
    return _Parser(data).document()


def first_value(data: bytes) -> int:
    """The offset after the first value of a text; blanks may precede it, and anything may follow.

    Raises as `parse`, but takes any encoding.
    """
    parser = _Parser(data[:MAX_LENGTH])
    try:
        parser.document()
    except JsonError as error:
        if error.reason != TEXT_AFTER:
            raise
        return len(data[: error.column - 1].rstrip(b" \t\n\x0c\r"))
    return min(len(data), MAX_LENGTH)


def is_unfinished(data: bytes, error: JsonError) -> bool:
    """Whether a text that was refused with this error is the beginning of a JSON text: more may follow."""
    if error.is_at_end(data):
        return True
    # Cut inside a character or an escape: the part before it decides.
    try:
        data.decode()
    except UnicodeDecodeError as cut:
        if cut.reason != "unexpected end of data":
            return False
        before = data[: cut.start]
    else:
        at = data.rfind(b"\\")
        if at < 0 or len(data) - at >= 6:
            return False
        before = data[:at]
    try:
        _Parser(before).document()
    except JsonError as earlier:
        return earlier.is_at_end(before)
    return False


class _Parser:
    """One pass over a text. Containers that are open are a list, so that depth needs no recursion."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def document(self) -> Value:
        first = self._peek()
        if first == b"":
            self._fail("the line is empty")
        if self._data.startswith(b"\xef\xbb\xbf", self._at):
            self._fail("a byte-order mark is allowed only at the start of a file")
        opened: list[list[Any]] = []  # the containers around the value; those of objects hold pairs
        keys: list[str | None] = []  # for each of them the key of the value, None in an array
        while True:
            # A value starts here, or the bracket that closes an empty array.
            first = self._peek()
            closed = False
            value: Value = None
            if first in (b"{", b"["):
                if len(opened) == MAX_DEPTH:
                    self._fail("nested deeper than 1,024 levels")
                self._at += 1
                opened.append([])
                keys.append("" if first == b"{" else None)
                following = self._peek()
                if following == (b"}" if first == b"{" else b"]"):
                    closed = True
                else:
                    if first == b"{":
                        keys[-1] = self._key("expected a key in double quotes, or }")
                    continue
            else:
                value = self._scalar(first, keys)
            # The value is complete, and perhaps the containers around it too.
            while True:
                if not closed:
                    if not opened:
                        if self._peek() != b"":
                            self._fail(TEXT_AFTER)
                        return value
                    opened[-1].append(value if keys[-1] is None else (keys[-1], value))
                in_object = keys[-1] is not None
                following = self._peek()
                if closed or following == (b"}" if in_object else b"]"):
                    self._at += 1
                    value = tuple(opened.pop()) if in_object else opened.pop()
                    keys.pop()
                    closed = False
                elif following == b",":
                    self._at += 1
                    if in_object:
                        keys[-1] = self._key("expected a key in double quotes after the comma")
                    break
                elif following == b"":
                    self._fail("the line ends inside an object" if in_object else "the line ends inside an array")
                else:
                    self._fail(f"expected a comma or {'}' if in_object else ']'} after a value")

    def _peek(self) -> bytes:
        """The next byte other than a blank; empty at the end."""
        blanks = _BLANKS.match(self._data, self._at)
        self._at = blanks.end() if blanks else self._at
        return self._data[self._at : self._at + 1]

    def _fail(self, reason: str) -> NoReturn:
        raise JsonError(self._at, reason)

    def _scalar(self, first: bytes, keys: list[str | None]) -> Value:
        if first == b'"':
            return self._string()
        if first == b"t":
            return self._word(b"true", value=True)
        if first == b"f":
            return self._word(b"false", value=False)
        if first == b"n":
            return self._word(b"null", value=None)
        if first and first in b"-0123456789":
            return self._number()
        if first == b"":
            in_object = bool(keys) and keys[-1] is not None
            self._fail("the line ends inside an object" if in_object else "the line ends inside an array")
        for begin, reason in _NO_VALUE:
            if first in begin:
                self._fail(reason)
        if keys and first in b"]},":
            self._fail("a value is missing before this")
        raise JsonError(self._at, "control character between values" if first < b" " else "expected a JSON value")

    def _key(self, missing: str) -> str:
        """A key and the colon after it."""
        first = self._peek()
        if first == b"":
            self._fail("the line ends inside an object")
        if first != b'"':
            self._fail("keys need double quotes" if first == b"'" else missing)
        key = self._string()
        first = self._peek()
        if first != b":":
            self._fail("the line ends inside an object" if first == b"" else "expected a colon after a key")
        self._at += 1
        return key

    def _word(self, word: bytes, *, value: bool | None) -> bool | None:
        for letter in word:
            if self._data[self._at : self._at + 1] != bytes((letter,)):
                self._fail("expected true, false or null")
            self._at += 1
        return value

    def _digits(self) -> int:
        """Passes digits; how many."""
        found = _DIGITS.match(self._data, self._at)
        self._at = found.end() if found else self._at
        return len(found[0]) if found else 0

    def _number(self) -> int | str:
        start = self._at
        if self._data.startswith(b"-", start):
            self._at += 1
        first = self._at
        digits = self._digits()
        if digits == 0:
            self._fail("a minus sign needs a digit after it")
        if digits > 1 and self._data.startswith(b"0", first):
            self._at = first
            self._fail("a number must not start with a zero")
        whole = True
        if self._data.startswith(b".", self._at):
            whole = False
            self._at += 1
            if not self._digits():
                self._fail("a decimal point needs a digit after it")
        if self._data[self._at : self._at + 1] in (b"e", b"E"):
            whole = False
            self._at += 1
            if self._data[self._at : self._at + 1] in (b"+", b"-"):
                self._at += 1
            if not self._digits():
                self._fail("an exponent needs a digit")
        text = self._data[start : self._at].decode()
        if not whole:
            return Real(text)
        if text == "-0":
            return MinusZero(0)
        return HugeInteger(text) if digits > _MOST_DIGITS else int(text)

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        escaped = False
        while True:
            plain = _PLAIN.match(self._data, self._at)
            end = plain.end() if plain else self._at
            parts.append(self._data[self._at : end].decode())
            self._at = end
            special = self._data[end : end + 1]
            if special == b'"':
                self._at += 1
                return Escaped("".join(parts)) if escaped else parts[0]
            if special == b"\\":
                escaped = True
                parts.append(self._escape())
            elif special == b"":
                self._fail(INSIDE_STRING)
            elif special in b"\n\r\t":
                self._fail("a line break or tab in a string must be escaped")
            else:
                self._fail("control character in a string")

    def _escape(self) -> str:
        letter = self._data[self._at + 1 : self._at + 2]
        if letter in _SHORT:
            self._at += 2
            return _SHORT[letter]
        if letter == b"":
            self._at += 1
            self._fail(INSIDE_STRING)
        if letter != b"u":
            self._fail("unknown escape in a string")
        unit = _HEX.match(self._data, self._at + 2)
        if unit is None:
            self._fail("\\u needs four hexadecimal digits")
        self._at += 6
        number = int(unit[0], 16)
        if 0xD800 <= number < 0xDC00 and self._data.startswith(b"\\u", self._at):
            low = _HEX.match(self._data, self._at + 2)
            if low is not None and 0xDC00 <= int(low[0], 16) < 0xE000:
                self._at += 6
                return chr(0x10000 + ((number - 0xD800) << 10) + (int(low[0], 16) - 0xDC00))
        return chr(number)

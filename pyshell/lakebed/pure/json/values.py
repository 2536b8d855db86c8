"""Texts of JSON as values, quickly: the standard library's parser decides where it is as strict as docs/types.md."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there
from typing import Any, NoReturn

from lakebed.pure.json.syntax import MAX_DEPTH, MAX_LENGTH, JsonError, MinusZero, Real, Value, first_value, parse
from lakebed.pure.json.times import moment

__all__ = ["Record", "record", "scan_part", "scan_value"]


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _scanner(parse_int: Any) -> Any:
    decoder = json.JSONDecoder(
        object_pairs_hook=tuple,
        parse_float=Real,
        parse_int=parse_int,
        parse_constant=_refuse,
    )
    return decoder.scan_once  # type: ignore[attr-defined]


def _signed(text: str) -> int:
    return MinusZero(0) if text == "-0" else int(text)


_scan_plain = _scanner(None)
_scan_signed = _scanner(_signed)
_BLANKS = " \t\n\r"
_MINUS_ZERO = re.compile(r"-0(?![0-9.eE])")
_STRINGS = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"([ \t\n\r]*:)?', re.DOTALL)


class Record:
    """A text that is JSON, and what its value does not show."""

    __slots__ = ("escaped_key", "text", "unicode_escapes", "value")

    def __init__(self, text: str, value: Value, *, escaped_key: bool, unicode_escapes: bool) -> None:
        self.text = text
        self.value = value
        self.escaped_key = escaped_key
        """Whether a key is written with an escape."""
        self.unicode_escapes = unicode_escapes
        """Whether there is a `\\u`: without it no string has U+0000 or a lone surrogate."""


def scan_value(text: str, at: int) -> tuple[Value, int]:
    """The value at an offset of a text that is JSON, and the offset after it. Raises `ValueError` for a text that is
    none."""
    return _scanned(_scan_signed if "-0" in text and _MINUS_ZERO.search(text) else _scan_plain, text, at)


def scan_part(text: str, at: int) -> tuple[Value, int]:
    """As `scan_value`, for one of many values of a text: it does not look at the others."""
    return _scanned(_scan_signed, text, at)


def _scanned(scan: Any, text: str, at: int) -> tuple[Value, int]:
    try:
        found: tuple[Value, int] = scan(text, at)
    except (ValueError, RecursionError):
        # An integer of very many digits, or very deep.
        data = text[at:].encode()
        try:
            end = first_value(data)
            return parse(data[:end]), at + len(data[:end].decode())
        except JsonError as error:
            raise ValueError(str(error)) from None
    return found


def record(data: bytes) -> Record:
    """Checks a text with blanks around it. Raises `JsonError`."""
    try:
        text = data.decode()
        if len(data) > MAX_LENGTH or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
            return _exact(data)
        start = len(text) - len(text.lstrip(_BLANKS)) if text[:1] in _BLANKS else 0
        value, end = scan_value(text, start)
        if end != len(text) and text[end:].strip(_BLANKS):
            return _exact(data)
    except (ValueError, StopIteration):
        return _exact(data)
    if "\\" not in text:
        return Record(text, value, escaped_key=False, unicode_escapes=False)
    return _with_escapes(data, text, value)


def _with_escapes(data: bytes, text: str, value: Value) -> Record:
    escaped_key = False
    for string, colon in _STRINGS.findall(text):
        if "\\" in string:
            if colon:
                escaped_key = True
            elif "\\u" in string and moment(scanstring(f'{string}"', 0)[0]) is not None:
                # It reads like a time, which only strings without escapes are.
                return _exact(data)
    return Record(text, value, escaped_key=escaped_key, unicode_escapes="\\u" in text)


def _exact(data: bytes) -> Record:
    """As `record`, by the exact parser."""
    value = parse(data)
    text = data.decode()
    escapes = "\\" in text
    escaped_key = escapes and any(colon and "\\" in string for string, colon in _STRINGS.findall(text))
    return Record(text, value, escaped_key=escaped_key, unicode_escapes=escapes and "\\u" in text)

"""Results as JSON: one object a line, or one array; and long JSON laid out over several lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring

from lakebed._cli.render.columns import Column, Row


def _unique(names: Iterable[str]) -> list[str]:
    """The names, made unique by number suffixes: a JSON object has each key once."""
    names = list(names)
    taken: set[str] = set()
    given = []
    for name in names:
        key, number = name, 0
        while key in taken or (number and key in names):
            number += 1
            key = f"{name}_{number}"
        taken.add(key)
        given.append(key)
    return given


def json_objects(columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool]) -> Iterator[str]:
    """Each row as a JSON object on one line.

    `is_json` says of each column whether its values are JSON already; the others become strings.
    """
    keys = [encode_basestring(name) + ":" for name in _unique(column.name for column in columns)]
    for row in rows:
        parts = []
        for key, value, ready in zip(keys, row, is_json, strict=True):
            if value is None:
                parts.append(key + "null")
            elif ready:
                parts.append(key + _json_text(value))
            else:
                parts.append(key + encode_basestring(value))
        yield "{" + ",".join(parts) + "}"


def json_array(columns: Sequence[Column], rows: Iterable[Row], is_json: Sequence[bool]) -> Iterator[str]:
    """The lines of one JSON array of all rows as objects. `is_json` as in `json_objects`."""
    return json_values(json_objects(columns, rows, is_json))


def json_values(values: Iterable[str]) -> Iterator[str]:
    """The lines of one JSON array of values, each JSON."""
    before = "["
    last = None
    for last in map(_json_text, values):
        if before != "[":
            yield before + ","
        else:
            yield before
        before = " " + last
    if last is None:
        yield "["
    else:
        yield before
    yield "]"


_NOT_JSON_NUMBERS = {"inf": "null", "-inf": "null", "nan": "null", "-nan": "null"}


def _json_text(value: str) -> str:
    if "\n" in value or "\r" in value:
        # A raw line break in JSON can only be white space.
        value = value.replace("\r", " ").replace("\n", " ")
    return _NOT_JSON_NUMBERS.get(value, value)


def laid_out(text: str) -> str:
    """JSON over several indented lines where it is long. Only white space outside strings changes: numbers keep their
    digits."""
    if len(text) <= _ON_ONE_LINE or text[:1] not in ("{", "["):
        return text
    lines: list[str] = []
    line: list[str] = []
    depth = 0
    at = 0
    while at < len(text):
        string = _STRING.match(text, at)
        if string:
            line.append(string[0])
            at = string.end()
            continue
        character = text[at]
        at += 1
        if character.isspace():
            continue
        if character in "{[":
            empty = _EMPTY.match(text, at)
            if empty:
                line.append(character + empty[1])
                at = empty.end()
                continue
            depth += 1
        elif character in "}]":
            depth -= 1
            lines.append("".join(line))
            line = ["  " * depth]
        line.append(character)
        if character in "{[,":
            lines.append("".join(line))
            line = ["  " * depth]
        elif character == ":":
            line.append(" ")
    lines.append("".join(line))
    return "\n".join(lines)


_ON_ONE_LINE = 60
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_EMPTY = re.compile(r"\s*([}\]])")

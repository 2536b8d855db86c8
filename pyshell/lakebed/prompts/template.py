"""Prompts from templates: `{column}`, `{struct.field}`, `{list.0}`; `{{` and `}}` for braces; `\\n`, `\\t`, `\\\\`
and `\\@`. Pure.

A field looks a value up and does nothing else: no attributes, no calls, no formats. Braces in the values of a row mean
nothing.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from json.encoder import encode_basestring as quote
from typing import Any

from lakebed.errors import InvalidArgument


class Number(str):
    """A number of JSON as its text, so that 1.50 stays 1.50."""

    __slots__ = ()


def parse(text: str | bytes) -> Any:
    """The value of JSON, with numbers as `Number`."""
    return _decode(text if isinstance(text, str) else text.decode("utf-8", "surrogatepass"))


# `json.loads` with these arguments would build a decoder for every row.
_decode: Callable[[str], Any] = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number).decode


_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\\[nt@\\]|[{}]")
_ESCAPES = {"{{": "{", "}}": "}", "\\n": "\n", "\\t": "\t", "\\@": "@", "\\\\": "\\"}


def verbatim(text: str) -> str:
    """The template whose prompt is exactly this text."""
    escaped = text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return "\\" + escaped if escaped.startswith("@") else escaped


class Template:
    """A parsed template. Raises `InvalidArgument` for braces that do not match."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces: list[str | tuple[str, ...]] = []
        literal: list[str] = []
        end = 0
        for found in _PIECE.finditer(text):
            literal.append(text[end : found.start()])
            end = found.end()
            if (escaped := _ESCAPES.get(found[0])) is not None:
                literal.append(escaped)
                continue
            if found[1] is None:
                message = f"The template has a single {found[0]} after {text[max(0, found.start() - 20) : found.start()]!r}: double it."
                raise InvalidArgument(message)
            name = found[1].strip()
            if not name:
                message = "The template has {} without a column: name one, or write {{}} for two braces."
                raise InvalidArgument(message)
            self._pieces += ["".join(literal), (name, *name.split("."))]
            literal = []
        self._pieces.append("".join([*literal, text[end:]]))

    @cached_property
    def fields(self) -> list[str]:
        """The columns and paths that it names, each once."""
        return list(dict.fromkeys(piece[0] for piece in self._pieces if isinstance(piece, tuple)))

    def check(self, columns: Iterable[str], children: Mapping[str, Sequence[str]] | None = None) -> None:
        """Raises `InvalidArgument` for a field that is not a column. `children` are the fields of the columns that are
        structs."""
        known = list(columns)
        for field in self.fields:
            first, *rest = field.split(".")
            if field in known:
                continue
            if first not in known:
                raise InvalidArgument(_unknown(field, first, known))
            if children and first in children and rest and rest[0] not in children[first]:
                raise InvalidArgument(_unknown(field, rest[0], children[first]))

    def render(self, values: Mapping[str, Any]) -> str:
        """The prompt for a row. NULL and a path without a value are empty text; nested values are JSON."""
        return "".join(piece if isinstance(piece, str) else _text(_look(piece, values)) for piece in self._pieces)


def _unknown(field: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint_names = (
        f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}." if known else "there are no columns."
    )
    hint = " Write {{ for a brace." if not re.fullmatch(r"[\w. ]+", field) else ""
    return f"The template names {{{field}}}, and no column is called {name}: {hint_names}{hint}"


def _look(path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    whole, *steps = path
    if whole in values:
        return values[whole]
    value: Any = values
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return dump(value)
    return str(value)


def dump(value: Any) -> str:
    """Compact JSON of a value that `parse` returned, with its numbers unchanged."""
    match value:
        case Number():
            return str(value)
        case str():
            return quote(value)
        case dict():
            return "{" + ",".join(f"{quote(key)}:{dump(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

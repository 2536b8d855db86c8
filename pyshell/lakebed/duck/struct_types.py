"""The fields of a STRUCT type, read from the text of the type as DuckDB writes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["StructField", "element_type", "struct_fields"]

_BEGINNING = "STRUCT("
_FIELD = re.compile(r'\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.*)$', re.DOTALL)


class StructField(NamedTuple):
    """A field of a STRUCT type."""

    name: str
    type: str
    """The type, as SQL writes it."""


def struct_fields(type_name: str) -> list[StructField]:
    """The fields of `STRUCT("name" VARCHAR, age BIGINT)`, in order; none for any other type."""
    if not type_name.startswith(_BEGINNING) or not type_name.endswith(")"):
        return []
    found = []
    for part in _split_at_commas(type_name[len(_BEGINNING) : -1]):
        if match := _FIELD.match(part):
            name = match[1].replace('""', '"') if match[1] is not None else match[2]
            found.append(StructField(name, match[3].strip()))
    return found


def element_type(type_name: str) -> str:
    """The type of an element of a list, an array or a map; empty for any other type."""
    if type_name.endswith("]"):
        return type_name[: type_name.rindex("[")]
    if type_name.startswith("MAP(") and type_name.endswith(")"):
        parts = list(_split_at_commas(type_name[4:-1]))
        return parts[1].strip() if len(parts) == 2 else ""
    return ""


def _split_at_commas(text: str) -> Iterator[str]:
    """The parts of the text between the commas that are outside brackets and quotes."""
    depth, start, in_quotes = 0, 0, False
    for index, character in enumerate(text):
        if character == '"':
            in_quotes = not in_quotes
        elif in_quotes:
            continue
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    if text[start:].strip():
        yield text[start:]

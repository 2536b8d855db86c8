"""Values as DuckDB gives them to Python, as text.

It is for results that cannot be put into another query, such as that of EXECUTE: everywhere else DuckDB makes the text.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from lakebed._records import to_json

__all__ = ["value_text"]


def value_text(value: Any, kind: Any, *, json: bool) -> str | None:
    """The text of a value of a DuckDB type, None for NULL. Nested values are JSON; with `json` others are what a JSON
    format takes."""
    if value is None:
        return None
    if kind.id in ("struct", "tuple", "list", "array", "map", "union"):
        return _json(value, kind)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() if json else "".join(f"\\x{byte:02X}" for byte in value)
    return _shortest(value) if str(kind) == "FLOAT" else str(value)


def _json(value: Any, kind: Any) -> str:
    """A value at any depth as JSON."""
    if value is None:
        return "null"
    name, nested = str(kind), kind.id
    if name == "JSON":
        return str(value)
    if nested == "struct" and isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{_json(value[key], child)}" for key, child in kind.children) + "}"
    if nested in ("struct", "tuple"):
        return "[" + ",".join(_json(one, child) for one, (_, child) in zip(value, kind.children, strict=True)) + "]"
    if nested in ("list", "array"):
        return "[" + ",".join(_json(one, kind.children[0][1]) for one in value) + "]"
    if nested == "map":
        (_, of_key), (_, of_value) = kind.children
        return "{" + ",".join(f"{_map_key(key, of_key)}:{_json(one, of_value)}" for key, one in value.items()) + "}"
    if nested == "union":
        members = [child for name, child in kind.children if name]
        # The value does not say which member it is: text of a union that has JSON in it may be JSON.
        only = members[0] if len(members) == 1 else None
        return _json(value, only) if only is not None else to_json(value).decode()
    if name == "FLOAT":
        return _shortest(value) if value - value == 0 else "null"
    return to_json(value).decode()


def _key(name: str) -> str:
    return to_json(name).decode()


def _map_key(key: Any, kind: Any) -> str:
    text = _json(key, kind)
    return text if text.startswith('"') else _key(text)


def _shortest(value: float) -> str:
    """The shortest text of a number of single precision."""
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", value):
            return text
    return repr(value)

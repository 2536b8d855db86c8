"""The note in the metadata of a part: what each of its columns holds, so that a later description finds it."""

from __future__ import annotations

from collections.abc import Sequence

from lakebed.pure.format.checksums import checksum
from lakebed.pure.format.coding import put_varint
from lakebed.pure.json.columns import Column
from lakebed.pure.json.node import key_bytes
from lakebed.pure.json.settings import NON_OBJECT, REST
from lakebed.pure.json.types import ELEMENT, DataType, ListType, MapType, StructType

__all__ = ["NOTE", "note"]

NOTE = "lakebed:columns"
"""Its key."""


def note(columns: Sequence[Column]) -> str:
    """The note of a part with these columns."""
    return " ".join(
        f"{checksum(0, 0, _source(column)):x}-{checksum(0, 0, _declared(column)):x}-{int(_has_rest(column))}"
        for column in columns
    )


def _put(out: bytearray, data: bytes) -> None:
    put_varint(out, len(data))
    out += data


def _source(column: Column) -> bytes:
    out = bytearray()
    if column.named == NON_OBJECT:
        out.append(2)
    elif column.named == REST:
        out.append(3)
        for key in sorted(map(key_bytes, column.known)):
            _put(out, key)
    else:
        out.append(0)
        _put(out, key_bytes(column.named[1]))
    return bytes(out)


def _declared(column: Column) -> bytes:
    out = bytearray()
    for part in column.declared:
        put_varint(out, len(part.path))
        for step in part.path:
            out.append(step == ELEMENT)
            if step != ELEMENT:
                _put(out, key_bytes(step[1]))
        put_varint(out, len(part.nulls))
        for text in part.nulls:
            _put(out, text.encode())
    return bytes(out)


def _has_rest(column: Column) -> bool:
    return column.named == REST or _holds_rest(column.type)


def _holds_rest(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return any(field.rest or _holds_rest(field.type) for field in kind.fields)
    if isinstance(kind, ListType):
        return _holds_rest(kind.element)
    return isinstance(kind, MapType) and _holds_rest(kind.value)

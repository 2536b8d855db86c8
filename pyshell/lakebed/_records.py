"""What `Store.append` accepts, converted into batches of records.

A record is one JSON value in UTF-8. Bytes and text are stored as they are. Objects are serialised by `to_json`.
Anything with `__arrow_c_stream__` (a DuckDB relation, a pyarrow table, a Polars or pandas frame) is read by the engine,
one JSON object a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, TypeGuard

from lakebed._json_values import dumped
from lakebed._relations import is_relation, with_exact_types
from lakebed.errors import BadRecord

_BATCH_ROWS = 4096
_BATCH_BYTES = 1 << 20


class ArrowStreamExportable(Protocol):
    """An object with rows in Arrow's C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Json: TypeAlias = Mapping[str, Any] | list[Any] | str | int | float | bool | None
Record: TypeAlias = bytes | bytearray | memoryview | Json
Records: TypeAlias = Record | ArrowStreamExportable | Iterable[Record | ArrowStreamExportable]
Batch: TypeAlias = "list[bytes] | tuple[ArrowStreamExportable, list[list[int]]]"
"""The bytes of records; or a table, and the places of its text that is JSON without saying so (`_relations`)."""


def is_table(value: object) -> TypeGuard[ArrowStreamExportable]:
    """Whether the value has rows in Arrow's C stream interface."""
    # isinstance with a protocol takes microseconds, and this is called for every record.
    return hasattr(type(value), "__arrow_c_stream__")


# `json.dumps` with these arguments would build an encoder for every record.
_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=True
).encode


def to_json(value: object) -> bytes:
    """The bytes as which a JSON-able object is stored.

    Compact UTF-8: no spaces, keys in insertion order, characters as they are (only `"`, `\\` and control characters are
    escaped), numbers as Python prints them. Times and dates are ISO 8601 (with a zone in UTC), `Decimal` is a number
    with all its digits, `UUID` and `Hash` are text, bytes base64, NumPy scalars and arrays what they stand for. NaN is
    null. Raises `BadRecord` for infinities, lone surrogates and other types.
    """
    try:
        try:
            return _encode(value).encode()
        except (TypeError, ValueError):
            # The encoder of the standard library is fast, and does not know these types.
            return dumped(value).encode()
    except UnicodeEncodeError as error:
        raise BadRecord(
            f"The record holds a lone surrogate ({error.object[error.start]!a}), which UTF-8 cannot write; replace it."
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(
            f"The record cannot be written as JSON: {error}; convert such values to JSON types first."
        ) from error


def record(value: object) -> bytes:
    """The bytes of one record. Raises `BadRecord`."""
    match value:
        case bytes():
            return value
        case str():
            try:
                return value.encode()
            except UnicodeEncodeError as error:
                raise BadRecord("The text holds a lone surrogate, which UTF-8 cannot write; replace it.") from error
        case bytearray() | memoryview():
            return bytes(value)
    return to_json(value)


def batches(rows: Records) -> Iterator[Batch]:
    """The records in batches, each made when the iterator reaches it; Arrow streams as they are.

    Raises `TypeError` when `rows` holds no records; the iterator raises `BadRecord`.
    """
    if is_table(rows):
        yield _table(rows)
    elif isinstance(rows, bytes | bytearray | memoryview | str | Mapping):
        yield [record(rows)]
    elif isinstance(rows, Iterable):
        yield from _grouped(iter(rows))
    else:
        raise TypeError(
            f"append takes records (bytes, text, JSON-able objects), an iterable of them or a table, not {type(rows).__name__}"
        )


def _table(value: ArrowStreamExportable) -> Batch:
    return with_exact_types(value) if is_relation(value) else (value, [])


def _grouped(rows: Iterator[Record | ArrowStreamExportable]) -> Iterator[Batch]:
    batch: list[bytes] = []
    size = 0
    for item in rows:
        if is_table(item):
            if batch:
                yield batch
                batch, size = [], 0
            yield _table(item)
            continue
        data = record(item)
        batch.append(data)
        size += len(data)
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch

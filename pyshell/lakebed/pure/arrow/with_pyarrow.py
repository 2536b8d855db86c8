"""Streams through pyarrow, where a program has loaded it.

A struct of `interface` is released by a function in Python, which must not run while an exception is on its way;
pyarrow releases streams also then. Its own streams do without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from lakebed.pure.arrow.arrays import Array, Field

__all__ = ["is_loaded", "stream_capsule"]


def is_loaded() -> bool:
    """Whether pyarrow is loaded: nobody else can be its consumer."""
    return "pyarrow.lib" in sys.modules


def stream_capsule(field: Field, batches: Iterator[Array]) -> object:
    """A capsule with a stream of structs. An exception of `batches` ends it with its text as the error."""
    import pyarrow

    from lakebed.pure.arrow.interface import schema_capsule

    class _Schema:
        def __arrow_c_schema__(self) -> object:
            return schema_capsule(field)

    schema: Any = pyarrow.schema(_Schema())
    # The storage of extension types is what has buffers.
    types = [one.type for one in schema]

    def made() -> Iterator[Any]:
        for batch in _in_short(batches):
            columns = [_array(kind, child) for kind, child in zip(types, batch.children, strict=True)]
            if not columns:
                yield _without_columns(pyarrow, batch.length)
                continue
            yield pyarrow.RecordBatch.from_arrays(columns, schema=schema)

    return pyarrow.RecordBatchReader.from_batches(schema, made()).__arrow_c_stream__()


def _in_short(batches: Iterator[Array]) -> Iterator[Array]:
    """The batches, with errors from here: pyarrow shows all calls that an error went through."""
    try:
        yield from batches
    except Exception as error:  # noqa: BLE001  (raised again)
        raise type(error)(str(error)) from None


def _without_columns(pyarrow: Any, length: int) -> Any:
    return pyarrow.RecordBatch.from_struct_array(pyarrow.array([{}] * length, pyarrow.struct([])))


def _array(kind: Any, array: Array) -> Any:
    """An array of pyarrow over the same buffers."""
    import pyarrow

    storage = getattr(kind, "storage_type", None)
    if storage is not None:
        return pyarrow.ExtensionArray.from_storage(kind, _array(storage, array))
    buffers = [None if one is None else pyarrow.py_buffer(one) for one in array.buffers]
    if str(kind).endswith("_view"):
        # The sizes of the buffers are of C's interface alone.
        buffers = buffers[:-1]
    if pyarrow.types.is_map(kind):
        entries = pyarrow.struct([pyarrow.field("key", kind.key_type, nullable=False), kind.item_field])
        children = [_array(entries, array.children[0])]
    else:
        inner = [kind.field(place).type for place in range(kind.num_fields)]
        children = [_array(one, child) for one, child in zip(inner, array.children, strict=True)]
    return pyarrow.Array.from_buffers(kind, array.length, buffers, array.nulls, 0, children)

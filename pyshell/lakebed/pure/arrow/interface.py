"""Arrow's C data and stream interfaces: https://arrow.apache.org/docs/format/CDataInterface.html.

What is given out is kept in a table until its consumer calls `release`, which may be from any thread, and for a struct
that was moved in memory: the table goes by the number in `private_data`.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from lakebed.pure.arrow.arrays import Array, Field

__all__ = ["ArrowArray", "ArrowSchema", "schema_capsule", "stream_capsule", "stream_of"]


class ArrowSchema(ctypes.Structure):
    """A type."""


class ArrowArray(ctypes.Structure):
    """Values."""


class ArrowStreamStruct(ctypes.Structure):
    """Batches of values."""


_SchemaRelease = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowSchema))
_ArrayRelease = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArray))
_StreamRelease = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowStreamStruct))
_GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ArrowStreamStruct), ctypes.POINTER(ArrowSchema))
_GetNext = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ArrowStreamStruct), ctypes.POINTER(ArrowArray))
_GetError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(ArrowStreamStruct))

ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata_address", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
    ("dictionary", ctypes.POINTER(ArrowSchema)),
    ("release", _SchemaRelease),
    ("private_data", ctypes.c_void_p),
]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))),
    ("dictionary", ctypes.POINTER(ArrowArray)),
    ("release", _ArrayRelease),
    ("private_data", ctypes.c_void_p),
]
ArrowStreamStruct._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetError),
    ("release", _StreamRelease),
    ("private_data", ctypes.c_void_p),
]

_NULLABLE = 2
_IO_ERROR = 5  # errno's EIO

_given: dict[int, Any] = {}
"""What consumers hold, by number."""
_numbers = itertools.count(1)


def _keep(what: object) -> int:
    number = next(_numbers)
    _given[number] = what
    return number


# --- Schemas ---


@_SchemaRelease  # type: ignore[untyped-decorator]  # of ctypes
def _release_schema(pointer: Any) -> None:
    _release(pointer.contents, _SchemaRelease)


@_ArrayRelease  # type: ignore[untyped-decorator]  # of ctypes
def _release_array(pointer: Any) -> None:
    _release(pointer.contents, _ArrayRelease)


def _release(struct: Any, kind: Any) -> None:
    """Releases the children that nobody has moved away, and then the struct."""
    for place in range(struct.n_children):
        child = struct.children[place]
        if child and child.contents.release:
            child.contents.release(child)
    _given.pop(struct.private_data, None)
    struct.release = kind()


def _fill_schema(target: Any, field: Field) -> None:
    children = [ArrowSchema() for _ in field.children]
    for child, one in zip(children, field.children, strict=True):
        _fill_schema(child, one)
    pointers = (ctypes.POINTER(ArrowSchema) * len(children))(*map(ctypes.pointer, children))
    metadata = _metadata(field.metadata)
    name, form = field.name.encode(), field.format.encode()
    target.format, target.name = form, name
    # It has zero bytes inside: its address counts.
    target.metadata_address = ctypes.cast(ctypes.c_char_p(metadata), ctypes.c_void_p)
    target.flags = _NULLABLE if field.nullable else 0
    target.n_children = len(children)
    target.children = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(ArrowSchema)))
    target.dictionary = ctypes.POINTER(ArrowSchema)()
    target.release = _release_schema
    target.private_data = _keep((children, pointers, metadata, name, form))


def _metadata(pairs: tuple[tuple[str, str], ...]) -> bytes | None:
    if not pairs:
        return None
    parts = [len(pairs).to_bytes(4, "little")]
    for text in (text.encode() for pair in pairs for text in pair):
        parts += (len(text).to_bytes(4, "little"), text)
    return b"".join(parts)


# --- Arrays ---


def _fill_array(target: Any, array: Array) -> None:
    children = [ArrowArray() for _ in array.children]
    for child, one in zip(children, array.children, strict=True):
        _fill_array(child, one)
    pointers = (ctypes.POINTER(ArrowArray) * len(children))(*map(ctypes.pointer, children))
    buffers = (ctypes.c_char_p * len(array.buffers))(*array.buffers)
    target.length, target.null_count, target.offset = array.length, array.nulls, 0
    target.n_buffers, target.n_children = len(array.buffers), len(children)
    target.buffers = ctypes.cast(buffers, ctypes.POINTER(ctypes.c_void_p))
    target.children = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(ArrowArray)))
    target.dictionary = ctypes.POINTER(ArrowArray)()
    target.release = _release_array
    target.private_data = _keep((children, pointers, buffers, array.buffers))


# --- Streams ---


class _Source:
    """What is behind a stream."""

    def __init__(self, field: Field, batches: Iterator[Array]) -> None:
        self.field = field
        self.batches = batches
        self.error = ctypes.create_string_buffer(b"")

    def attempt(self, call: Callable[[], None]) -> int:
        """0, or the number of an error, whose text is kept: no exception crosses the border."""
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (see above)
            text = str(error) or type(error).__name__
            self.error = ctypes.create_string_buffer(text.encode("utf-8", "replace").replace(b"\0", b" "))
            return _IO_ERROR
        return 0


def _source(pointer: Any) -> _Source:
    source: _Source = _given[pointer.contents.private_data]
    return source


@_GetSchema  # type: ignore[untyped-decorator]  # of ctypes
def _get_schema(pointer: Any, target: Any) -> int:
    source = _source(pointer)
    return source.attempt(lambda: _fill_schema(target.contents, source.field))


@_GetNext  # type: ignore[untyped-decorator]  # of ctypes
def _get_next(pointer: Any, target: Any) -> int:
    source = _source(pointer)

    def take() -> None:
        batch = next(source.batches, None)
        if batch is None:
            target.contents.release = _ArrayRelease()
        else:
            _fill_array(target.contents, batch)

    return source.attempt(take)


@_GetError  # type: ignore[untyped-decorator]  # of ctypes
def _get_error(pointer: Any) -> int | None:
    return ctypes.addressof(_source(pointer).error)


@_StreamRelease  # type: ignore[untyped-decorator]  # of ctypes
def _release_stream(pointer: Any) -> None:
    _given.pop(pointer.contents.private_data, None)
    pointer.contents.release = _StreamRelease()


# --- Capsules ---

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = (ctypes.py_object, ctypes.c_char_p)

_lock = threading.Lock()
_capsules: list[tuple[object, Any]] = []
"""Capsules and their structs, which live as long. A destructor in Python is no way to end a struct: it would also run
while an exception is on its way. So each new capsule looks for those that nobody else holds any more."""
_OWN_REFERENCES = 3
"""Of a capsule in a loop over the list: the list's pair, the loop's variable, and the argument of `getrefcount`."""


def _capsule(struct: Any, name: bytes) -> object:
    capsule: object = _new_capsule(ctypes.addressof(struct), name, None)
    with _lock:
        ended: list[tuple[object, Any]] = []
        kept: list[tuple[object, Any]] = []
        for pair in _capsules:
            held, _ = pair
            (kept if sys.getrefcount(held) > _OWN_REFERENCES else ended).append(pair)
        _capsules[:] = [*kept, (capsule, struct)]
    for _, unused in ended:
        if unused.release:
            unused.release(ctypes.pointer(unused))
    return capsule


def schema_capsule(field: Field) -> object:
    """A capsule with a schema: `field` is a struct of the columns."""
    struct = ArrowSchema()
    _fill_schema(struct, field)
    return _capsule(struct, b"arrow_schema")


def stream_capsule(field: Field, batches: Iterator[Array]) -> object:
    """A capsule with a stream of structs. An exception of `batches` ends it with its text as the error."""
    struct = ArrowStreamStruct()
    struct.get_schema, struct.get_next, struct.get_last_error = _get_schema, _get_next, _get_error
    struct.release = _release_stream
    struct.private_data = _keep(_Source(field, batches))
    return _capsule(struct, b"arrow_array_stream")


def stream_of(capsule: object) -> Any:
    """The stream in a capsule, which must live as long."""
    return ArrowStreamStruct.from_address(_pointer_of(capsule, b"arrow_array_stream"))

"""A stream of typed rows that can be read again and again: what `lakebed.Store.arrow` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lakebed.pure.arrow import with_pyarrow
from lakebed.pure.arrow.arrays import Array, Field
from lakebed.pure.arrow.interface import schema_capsule, stream_capsule

__all__ = ["ArrowStream"]


class ArrowStream:
    """Rows of one snapshot. Each request for a stream begins a new one."""

    def __init__(self, fields: list[Field], batches: Callable[[], Iterator[list[Array]]]) -> None:
        """`batches` begins the rows: each batch is one array for each field. A batch without columns is a number of
        rows in an array of its own, behind no field."""
        self._fields = fields
        self._batches = batches

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return [field.name for field in self._fields]

    @property
    def _struct(self) -> Field:
        return Field("", "+s", tuple(self._fields), nullable=False)

    def __arrow_c_schema__(self) -> object:
        return schema_capsule(self._struct)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        del requested_schema  # as the interface allows
        give = with_pyarrow.stream_capsule if with_pyarrow.is_loaded() else stream_capsule
        return give(self._struct, self._structs())

    def _structs(self) -> Iterator[Array]:
        for arrays in self._batches():
            length = arrays[0].length if arrays else 0
            yield Array(length, 0, [None], arrays[: len(self._fields)])

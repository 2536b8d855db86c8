"""Arrow's file format."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from lakebed._packages import required

__all__ = ["ArrowFile"]


class ArrowFile:
    """The bytes of an Arrow file (IPC) with the rows of a table that has `__arrow_c_stream__`, in pieces."""

    def __init__(self, table: Any) -> None:
        """Raises `PackageMissing` without pyarrow, which writes it."""
        with required():
            import pyarrow.ipc
        self._reader = pyarrow.RecordBatchReader.from_stream(table)

    def __iter__(self) -> Iterator[bytes]:
        import pyarrow.ipc

        out = io.BytesIO()
        with pyarrow.ipc.new_file(out, self._reader.schema) as writer:
            for batch in self._reader:
                writer.write_batch(batch)
                yield out.getvalue()
                out.seek(0)
                out.truncate()
        yield out.getvalue()

"""A table as a pyarrow dataset: DuckDB 1.x asks a dataset for just the columns of a query.

Imported only with DuckDB 1.x, and only if pyarrow is installed.
"""

from __future__ import annotations

from typing import Any

import pyarrow
from pyarrow import dataset as arrow_dataset

from lakebed.duck.table_scan import TableScan

__all__ = ["dataset"]


class _Dataset(arrow_dataset.InMemoryDataset):  # type: ignore[misc]
    """Asks the engine for columns. pyarrow applies the filters to the rows."""

    def __init__(self, scan: TableScan, schema: Any) -> None:
        super().__init__([], schema=schema)
        self.scan = scan

    def scanner(self, columns: list[str] | None = None, filter: Any = None, **_options: Any) -> Any:
        declared = self.scan.declared()
        wanted = declared if columns is None else list(columns)
        needed = wanted
        if filter is not None:
            # pyarrow does not give the columns of an expression. Its text contains the name of each, and perhaps
            # others.
            text = str(filter)
            needed = [name for name in declared if name in wanted or name in text]
        batches = pyarrow.RecordBatchReader.from_stream(self.scan.table.open(needed, []))
        return arrow_dataset.Scanner.from_batches(batches, columns=wanted, filter=filter)


def dataset(scan: TableScan) -> object:
    """The dataset that reads a table."""
    return _Dataset(scan, pyarrow.schema(scan))

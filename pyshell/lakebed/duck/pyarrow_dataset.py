"""A table as a pyarrow dataset: on DuckDB 1.x the way to be asked for just the columns of a query.

Imported only there, and only when pyarrow is installed.
"""

from __future__ import annotations

from typing import Any

import pyarrow
from pyarrow import dataset as arrow_dataset

from lakebed.duck.table_scan import Source


class _Dataset(arrow_dataset.InMemoryDataset):  # type: ignore[misc]
    """Asks the engine for columns; filters are pyarrow's, on the rows it gets."""

    def __init__(self, table: Source, schema: Any) -> None:
        super().__init__([], schema=schema)
        self.table = table

    def scanner(self, columns: list[str] | None = None, filter: Any = None, **_options: Any) -> Any:
        reader = self.table.reader
        declared = self.table.declared()
        wanted = declared if columns is None else list(columns)
        needed = wanted
        if filter is not None:
            # pyarrow does not tell which columns an expression names: its text mentions each, and perhaps others.
            text = str(filter)
            needed = [name for name in declared if name in wanted or name in text]
        batches = pyarrow.RecordBatchReader.from_stream(reader.open(needed, []))
        return arrow_dataset.Scanner.from_batches(batches, columns=wanted, filter=filter)


def dataset(table: Source) -> object:
    """The dataset that reads this table."""
    return _Dataset(table, pyarrow.schema(table))

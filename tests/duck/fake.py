"""A store of plain Arrow tables, in place of a real one, for what a real store does not do on demand: fail in the
middle of a scan, find nothing for seconds, record what DuckDB requests.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from lakebed.duck.tables import Runs

OPERATORS = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
SYSTEM = pa.table({"id": pa.array([1, 2], pa.uint64()), "name": ["a", "b"]})


def collection(**columns):
    """A table with system columns as a store's scans give them."""
    table = pa.table(columns)
    count = table.num_rows
    table = table.append_column("_seq", pa.array(range(count), pa.uint64()))
    return table.append_column("_hash", pa.array([f"{i:064x}" for i in range(count)]))


@dataclass
class FakeTable:
    table: pa.Table
    requests: list = field(default_factory=list)
    fail_after: int | None = None
    seconds_a_batch: float = 0.0
    batch_rows: int = 100
    takes_filters: bool = True
    is_in_files: bool = False
    casts: dict = field(default_factory=dict)

    @property
    def columns(self):
        return {f.name: not pa.types.is_nested(f.type) and f.metadata is None for f in self.table.schema}

    def struct_field(self, _names):
        return None

    @property
    def types(self):
        return {f.name: str(f.type) for f in self.table.schema}

    @property
    def signature(self):
        return str(self.table.schema)

    @property
    def content(self):
        return id(self.table)

    @property
    def rows(self):
        return self.table.num_rows

    def open(self, columns, filters, *, views=False):
        del views  # Nothing is decoded here that they could point into.
        return _Stream(self, columns, filters)


@dataclass
class _Stream:
    table: FakeTable
    columns: list
    filters: list

    @property
    def schema(self):
        return self.table.table.select(self.columns).schema

    def batches(self):
        for number, batch in enumerate(self.table.table.to_batches(max_chunksize=self.table.batch_rows)):
            if number == self.table.fail_after:
                message = "Segment 7 is damaged at offset 4096: run `lakebed verify`."
                raise ValueError(message)
            time.sleep(self.table.seconds_a_batch)
            kept = pa.Table.from_batches([batch])
            for name, operator, value in self.filters:
                column = kept[name]
                if operator == "is_null":
                    mask = pc.is_null(column)
                elif operator == "is_not_null":
                    mask = pc.is_valid(column)
                elif operator == "in":
                    mask = pc.is_in(column, value_set=pa.array(value, column.type))
                else:
                    mask = OPERATORS[operator](column, pa.scalar(value, column.type))
                kept = kept.filter(mask)
            if self.filters and kept.num_rows == 0 and "_seq" in self.columns:
                kept = pa.table({f.name: pa.nulls(1, f.type) for f in kept.schema}, schema=kept.schema)
            yield from kept.select(self.columns).combine_chunks().to_batches()

    def __arrow_c_stream__(self, requested_schema=None):
        self.table.requests.append((self.columns, self.filters))
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__()

    def __arrow_c_schema__(self):
        return self.schema.__arrow_c_schema__()


class FakeStore:
    def __init__(self, path="/fake.lakebed", **tables):
        self.path = self.given_path = path
        self.tables = tables
        self.commit = 1
        self.tables_read = {}

    def change(self, **tables):
        """The next commit: None drops."""
        self.tables = {name: table for name, table in {**self.tables, **tables}.items() if table is not None}
        self.commit += 1

    def snapshot(self):
        return _Snapshot(self)


class _Snapshot:
    def __init__(self, store):
        self.version = self.commit = store.commit
        self.store = store
        self.tables = dict(store.tables)

    def collections(self):
        return list(self.tables)

    def collection(self, name):
        table = self.tables[name]
        reader = table if isinstance(table, FakeTable) else FakeTable(table)
        self.store.tables_read[name] = reader
        return reader

    def runs(self):
        return Runs()

    def system(self, table):
        reader = self.store.tables_read[table] = FakeTable(SYSTEM)
        return reader

"""SQL functions that give the records of rows whose columns DuckDB reads from Parquet files: `_json` and `_hash`.

They are called for the rows that are left after the filters of a query. A view passes a number that stands for the scan
object that it owns, and with it for the snapshot that it shows.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakebed.errors import InternalError

if TYPE_CHECKING:
    import duckdb

    from lakebed.duck.table_scan import TableScan

__all__ = ["RecordFunctions"]

_MOST_AHEAD = 512
"""Rows that are read at a time where rows are asked for one after the other."""


class RecordFunctions:
    """The functions of one attached store."""

    def __init__(self) -> None:
        token = os.urandom(6).hex()
        self._names = {"_json": f"lakebed_json_{token}", "_hash": f"lakebed_hash_{token}"}
        self._scans: weakref.WeakValueDictionary[int, TableScan] = weakref.WeakValueDictionary()
        self._numbers = itertools.count(1)
        self._is_made = False
        self._ahead = threading.local()

    def make(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Creates the functions, once."""
        if self._is_made:
            return
        create: Any = cursor.create_function
        for column, kind in (("_json", "JSON"), ("_hash", "VARCHAR")):
            function = self._function(column)
            create(self._names[column], function, ["BIGINT", "BIGINT"], kind, type="native")
        self._is_made = True

    def computed(self, scan: TableScan) -> dict[str, str]:
        """The SQL of the columns that need records, for a view that owns this scan object."""
        number = next(self._numbers)
        self._scans[number] = scan
        return {column: f"system.main.{name}({number}, _seq)" for column, name in self._names.items()}

    def _function(self, column: str) -> Any:
        functions = weakref.ref(self)

        def value(number: int, seq: int) -> str:
            known = functions()
            scan = known._scans.get(number) if known is not None else None  # noqa: SLF001
            if known is None or scan is None:
                raise InternalError("A view reads records of a store that is not attached any more.")
            return known._value(column, number, scan, seq)  # noqa: SLF001

        return value

    def _value(self, column: str, number: int, scan: TableScan, seq: int) -> str:
        """The value of a row. Rows that follow each other are read together."""
        block: tuple[object, int, Sequence[str | None]] = getattr(self._ahead, "block", (None, 0, ()))
        known, start, values = block
        is_same = known == (column, number)
        if is_same and start <= seq < start + len(values):
            found = values[seq - start]
        else:
            follows = is_same and seq == start + len(values)
            count = min(2 * len(values), _MOST_AHEAD) if follows else 1
            # A scan object only ever moves to the same rows.
            values = scan.table.record_values(column, range(seq, seq + count))
            self._ahead.block = ((column, number), seq, values)
            found = values[0]
        if found is None:
            raise InternalError(f"Row {seq} is in a Parquet file and not in its collection.")
        return found

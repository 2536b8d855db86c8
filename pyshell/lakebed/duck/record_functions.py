"""SQL functions that give the records of rows whose columns DuckDB reads from Parquet files: `_json` and `_hash`.

They are called for the rows that are left after the filters of a query. A view passes a number that stands for the scan
object that it owns, and with it for the snapshot that it shows.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakebed._duckdb import duckdb
from lakebed.errors import InternalError

if TYPE_CHECKING:
    from lakebed.duck.table_scan import TableScan

__all__ = ["computed_columns", "make_functions"]

_MOST_AHEAD = 512
"""Rows that are read at a time where rows are asked for one after the other."""

_scans: weakref.WeakValueDictionary[int, TableScan] = weakref.WeakValueDictionary()
_numbers = itertools.count(1)
_ahead = threading.local()
"""Of each thread the values that were read last: of which column and scan object, from which row on."""


def make_functions(cursor: duckdb.DuckDBPyConnection) -> None:
    """Creates the functions in a database, unless they are there."""
    create: Any = cursor.create_function
    # DuckDB does not keep the functions alive: they are this module's.
    for function, kind in ((_json_of_row, "JSON"), (_hash_of_row, "VARCHAR")):
        try:
            create(_NAMES[function], function, ["BIGINT", "BIGINT"], kind, type="native")
        except duckdb.Error:
            # Another store that is attached to this database has made it; if not, no view can be made of it.
            continue


def computed_columns(scan: TableScan) -> dict[str, str]:
    """The SQL of the columns that need records, for a view that owns this scan object."""
    number = next(_numbers)
    _scans[number] = scan
    return {
        "_json": f"system.main.{_NAMES[_json_of_row]}({number}, _seq)",
        "_hash": f"system.main.{_NAMES[_hash_of_row]}({number}, _seq)",
    }


def _json_of_row(number: int, seq: int) -> str:
    return _value("_json", number, seq)


def _hash_of_row(number: int, seq: int) -> str:
    return _value("_hash", number, seq)


_NAMES = {_json_of_row: "lakebed_json_of_row", _hash_of_row: "lakebed_hash_of_row"}


def _value(column: str, number: int, seq: int) -> str:
    """The value of a row. Rows that follow each other are read together."""
    block: tuple[object, int, Sequence[str | None]] = getattr(_ahead, "block", (None, 0, ()))
    known, start, values = block
    is_same = known == (column, number)
    if is_same and start <= seq < start + len(values):
        found = values[seq - start]
    else:
        scan = _scans.get(number)
        if scan is None:
            raise InternalError("The view of these rows is not there any more.")
        follows = is_same and seq == start + len(values)
        count = min(2 * len(values), _MOST_AHEAD) if follows else 1
        # A scan object only ever moves to the same rows.
        values = scan.table.record_values(column, range(seq, seq + count))
        _ahead.block = ((column, number), seq, values)
        found = values[0]
    if found is None:
        raise InternalError(f"Row {seq} is in a Parquet file and not in its collection.")
    return found

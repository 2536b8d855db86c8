"""DuckDB's client, as far as statements need it: `from lakebed._duckdb import duckdb`.

DuckDB 2 runs statements in a compiled module. The package `duckdb` around it adds relations, and takes three times as
long to import as a short query runs; DuckDB 1.x has both in one.
"""

from __future__ import annotations

from lakebed._packages import required

# HAS_RELATIONS: whether this is DuckDB 1.x, whose relations stream their rows, and whose statements do not.
try:
    import _duckdb as duckdb

    HAS_RELATIONS = hasattr(duckdb, "DuckDBPyRelation")
except ImportError:
    HAS_RELATIONS = True
if HAS_RELATIONS:
    with required():
        import duckdb  # type: ignore[no-redef]

__all__ = ["HAS_RELATIONS", "duckdb"]

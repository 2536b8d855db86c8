"""SQL over a store with DuckDB: connections, views that follow the store, and scans that read only what a query needs.

DuckDB is imported when one of them is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebed.duck.connection import attach, connect, refresh

__all__ = ["attach", "connect", "refresh"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lakebed.duck' has no attribute {name!r}")
    from lakebed.duck import connection

    value = getattr(connection, name)
    globals()[name] = value
    return value

"""SQL over a store with DuckDB: a connection, views that follow the store, and sources that read only what a query needs."""

from lakebed.duck.connection import attach, connect, refresh

__all__ = ["attach", "connect", "refresh"]

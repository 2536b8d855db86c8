"""Where the DuckDB extension of this package is."""

from __future__ import annotations

from pathlib import Path

from lakebed.errors import InternalError

__all__ = ["extension_path"]

_FILE = Path(__file__).with_name("lakebed.duckdb_extension")


def extension_path() -> Path:
    """The DuckDB extension that comes with this package, for every DuckDB that allows unsigned extensions:

        print(f"LOAD '{lakebed.extension_path()}';")

    One file serves DuckDB from 1.3 on, whatever the client's language; `lakebed.connect` loads it by itself.
    """
    if not _FILE.exists():
        message = f"The DuckDB extension is not at {_FILE}: this installation of lakebed is not whole; install it anew."
        raise InternalError(message)
    return _FILE

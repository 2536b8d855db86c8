"""The path of the DuckDB extension that comes with this package."""

from __future__ import annotations

from pathlib import Path

from lakebed.errors import InternalError

__all__ = ["extension_path"]

_FILE = Path(__file__).with_name("lakebed.duckdb_extension")


def has_extension() -> bool:
    """Whether the extension came with this package: not with one that was built without Rust."""
    return _FILE.exists()


def extension_path() -> Path:
    """The path of the DuckDB extension that comes with this package, for any DuckDB that allows unsigned extensions:

        print(f"LOAD '{lakebed.extension_path()}';")

    One file loads in DuckDB 1.3 and newer, with clients in any language; `lakebed.connect` loads it itself.
    Raises `InternalError` when the file is missing.
    """
    if not _FILE.exists():
        message = f"The DuckDB extension is not at {_FILE}: this installation of lakebed is incomplete; reinstall it."
        raise InternalError(message)
    return _FILE

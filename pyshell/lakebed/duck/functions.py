"""The extension's functions (`lakebed_scan`, `lakebed_get`, ...) on a DuckDB connection, where it allows them."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

from lakebed._extension import extension_path
from lakebed.duck.names import literal
from lakebed.duck.views import helper
from lakebed.errors import LakebedError

if TYPE_CHECKING:
    import duckdb

ALLOWED = "allow_unsigned_extensions"
"""DuckDB's setting, which can only be chosen when a database is opened."""

_told: list[str] = []
_lock = threading.Lock()


def load_functions(connection: duckdb.DuckDBPyConnection) -> bool:
    """Loads the extension, unless it is there; whether its functions are there now. Why not is said once in a program."""
    import duckdb

    with helper(connection) as cursor:
        row = cursor.execute(f"SELECT current_setting('{ALLOWED}')").fetchone()
        if row is None or not row[0]:
            found = "SELECT 1 FROM duckdb_functions() WHERE function_name = 'lakebed_scan'"
            if cursor.execute(found).fetchone():
                return True
            _tell(
                "The DuckDB connection does not allow unsigned extensions, so it has lakebed's views and not its functions "
                f'(lakebed_scan and others): use lakebed.connect(path), or duckdb.connect(config={{"{ALLOWED}": True}}).'
            )
            return False
        try:
            cursor.execute(f"LOAD {literal(str(extension_path()))}")
        except (duckdb.Error, LakebedError) as error:
            _tell(f"DuckDB did not load lakebed's extension, so there are its views and not its functions: {error}")
            return False
    return True


def _tell(message: str) -> None:
    with _lock:
        if _told:
            return
        _told.append(message)
    warnings.warn(message, stacklevel=4)

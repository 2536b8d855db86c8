"""The extension's functions (`lakebed_scan`, `lakebed_get`, ...) on a DuckDB connection, where it allows them, and what
the settings of the connection let them open."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING

from lakebed._backend import has_rust_backend
from lakebed._extension import extension_path, has_extension
from lakebed._sql_text import literal
from lakebed.duck.cursors import helper
from lakebed.errors import LakebedError

if TYPE_CHECKING:
    import duckdb

ALLOWED = "allow_unsigned_extensions"
"""The setting of DuckDB that allows it; it can only be switched on when a database is opened."""

_TRUE = frozenset(("1", "true", "t", "yes", "on"))
"""How a setting says yes."""

_warned = threading.Event()
_lock = threading.Lock()


def load_functions(connection: duckdb.DuckDBPyConnection, *, wanted: bool = False) -> bool:
    """Loads the extension unless it is loaded. Returns whether its functions exist now; if not, a warning says why,
    once in a program. Without lakebed's engine there is no extension, which is only said where it is `wanted`."""
    from lakebed._duckdb import duckdb

    if not has_extension() and not has_rust_backend():
        if wanted:
            _warn_once(
                "lakebed runs without its engine in Rust, and has its views and not its functions (lakebed_scan and others): query "
                "the views, or install lakebed from a wheel, or with a Rust toolchain."
            )
        return False
    with helper(connection) as cursor:
        row = cursor.execute(f"SELECT current_setting('{ALLOWED}')").fetchone()
        if row is None or not row[0]:
            found = "SELECT 1 FROM duckdb_functions() WHERE function_name = 'lakebed_scan'"
            if cursor.execute(found).fetchone():
                return True
            _warn_once(
                "The DuckDB connection does not allow unsigned extensions, so it has lakebed's views and not its functions "
                f'(lakebed_scan and others): use lakebed.connect(path), or duckdb.connect(config={{"{ALLOWED}": True}}).'
            )
            return False
        try:
            cursor.execute(f"LOAD {literal(str(extension_path()))}")
        except (duckdb.Error, LakebedError) as error:
            _warn_once(
                f"DuckDB did not load lakebed's extension, so there are its views and not its functions: {error}"
            )
            return False
    return True


def allow_store(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Lets the extension's functions read this store also after `enable_external_access` is switched off. Nothing
    happens where it is off already, or without the extension."""
    from lakebed._duckdb import duckdb

    with helper(connection) as cursor, contextlib.suppress(duckdb.Error):
        cursor.execute(f"CALL lakebed_allow({literal(path)})")


def settings_for_loading(settings: dict[str, str | bool | int | float | list[str]]) -> dict[str, bool]:
    """Changes the settings that an in-memory database is opened with so that the extension can be loaded. Returns those
    to be set afterwards, in this order."""
    later: dict[str, bool] = {}
    if ALLOWED not in settings:
        settings[ALLOWED] = True
        later[ALLOWED] = False
    for name, while_loading in (("enable_external_access", True), ("lock_configuration", False)):
        if name in settings and (str(settings[name]).strip().lower() in _TRUE) is not while_loading:
            del settings[name]
            later[name] = not while_loading
    return later


def change_settings(connection: duckdb.DuckDBPyConnection, settings: dict[str, bool]) -> None:
    """Sets what `settings_for_loading` returned. A DuckDB that does not let an open database disallow unsigned
    extensions goes on allowing them."""
    from lakebed._duckdb import duckdb

    for name, value in settings.items():
        with contextlib.suppress(*((duckdb.InvalidInputException,) if name == ALLOWED else ())):
            connection.execute(f"SET {name} = {str(value).lower()}")


def _warn_once(message: str) -> None:
    with _lock:
        if _warned.is_set():
            return
        _warned.set()
    warnings.warn(message, stacklevel=4)

"""The number of rows of a result of which only the first are shown, and its last rows, where they are cheap to find."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from lakebed._cli.render import Row
from lakebed._duckdb import duckdb

_SECONDS = 0.3
"""How long the total is looked for, and then the last rows."""
_CHANGES = "nextval"
"""A function whose calls change something: a query with it runs once."""


class Rest(NamedTuple):
    """What is known of the rows behind the first."""

    total: int
    """The number of all rows."""
    last: Sequence[Row]
    """The last rows; none where they are not cheap to find."""


def rest_of(
    connection: duckdb.DuckDBPyConnection, sql: str, values: str, last: int, seconds: float = _SECONDS
) -> Rest | None:
    """The number of rows of a query and its `last` rows, each looked for no longer than `seconds`; None where the
    number is not found. `values` are the SQL expressions of what is shown.

    The connection must not be in a transaction, which an interrupted query would end.
    """
    if _CHANGES in sql.lower():
        return None
    found = within(connection, f"SELECT count(*) FROM (\n{sql}\n) AS result", seconds)
    if not found:
        return None
    total = int(found[0][0])
    rows = None
    if last and total > last:
        rows = within(
            connection, f"SELECT {values} FROM (\n{sql}\n) AS result LIMIT {last} OFFSET {total - last}", seconds
        )
    return Rest(total, rows or [])


def within(connection: duckdb.DuckDBPyConnection, sql: str, seconds: float) -> list[Any] | None:
    """The rows of a query; None when they take longer than `seconds`, or cannot be found. Not for a connection in a
    transaction, as above."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        connection.interrupt()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        found: list[Any] = connection.execute(sql).fetchall()
        return found
    except duckdb.InterruptException:
        if not late.is_set():
            raise
        return None
    except duckdb.Error:
        # The first rows have been found; what is wrong further on is told by whoever reads on.
        return None
    finally:
        timer.cancel()
        # An interrupt that comes later would stop another query.
        timer.join()

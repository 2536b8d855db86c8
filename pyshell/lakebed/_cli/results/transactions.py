"""Transactions of a connection: whether one is open, and what their end did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lakebed._cli.results.execution import QueryFailed, execute

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.results.execution import Parsed

_COMMIT = re.compile(r"\b(commit|end)\b", re.IGNORECASE)
_ROLLBACK = re.compile(r"\b(rollback|abort)\b", re.IGNORECASE)


def in_transaction(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a transaction is open, also one that is aborted."""
    numbers = _number(connection), _number(connection)
    # Without a transaction, each statement is one of its own.
    return numbers[0] is None or numbers[0] == numbers[1]


def is_aborted(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a transaction is open in which a statement failed."""
    return _number(connection) is None


def _number(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The number of the transaction of a statement that runs now; None in an aborted one."""
    from lakebed._duckdb import duckdb

    try:
        # All rows: in DuckDB 1.x the statement's transaction is open until the last one was fetched.
        ((number,),) = connection.execute("SELECT txid_current()").fetchall()
    except duckdb.TransactionException:
        return None
    return int(number)


def run_without_rows(connection: duckdb.DuckDBPyConnection, statement: Parsed) -> None:
    """Runs a statement that has no rows.

    Raises `QueryFailed` for a COMMIT that was a ROLLBACK, as a statement of the transaction had failed; `duckdb.Error`.
    """
    was_aborted = (
        statement.type.name == "TRANSACTION"
        and _COMMIT.search(statement.query) is not None
        and _ROLLBACK.search(statement.query) is None
        and is_aborted(connection)
    )
    execute(connection, statement)
    if was_aborted:
        message = "The transaction was rolled back, not committed: a statement in it had failed."
        raise QueryFailed(message)

"""The rows that a pipe hands to its verb."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakebed._cli import render, results
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.results import Result


class Rows:
    """The result of the query on the left of a pipe, not run before it is asked for. It is read once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        self.connection = connection
        """Where the query runs. While the rows are being read, other queries need a cursor of it."""
        self.sql = sql
        """The query."""

    @cached_property
    def statement(self) -> Any:
        """The query as DuckDB parsed it."""
        (statement,) = results.statements(self.connection, self.sql)
        # Nothing that changes data is run for rows that it may not give.
        if not results.has_rows(statement) or statement.type.name in ("INSERT", "UPDATE", "DELETE", "MERGE_INTO"):
            message = f"{statement.type.name} has no rows to pipe: put a SELECT to the left of |."
            raise InvalidArgument(message)
        return statement

    def result(self, form: str) -> Result:
        """The columns, and the rows as texts fit for this format (`lakebed._cli.verbs.FORMATS`)."""
        found = results.run(self.connection, self.statement, form)
        if found is None:
            message = f"{self.statement.type.name} gave no rows to pipe: put a SELECT to the left of |."
            raise InvalidArgument(message)
        return found

    def objects(self) -> Iterator[str]:
        """Each row as a JSON object in text. Numbers keep all their digits, JSON columns their own bytes."""
        found = self.result("ndjson")
        return render.json_objects(found.columns, found.rows, found.is_json)

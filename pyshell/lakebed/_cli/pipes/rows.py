"""The rows that a pipe hands to its verb."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.results import execution
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.language.statements import Statement
    from lakebed._cli.results.execution import Parsed, Result


class PipedRows:
    """The result of the query to the left of a pipe: a stream that can be read once, and starts when its first row is
    read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: Statement) -> None:
        self.connection = connection
        """Where the query runs. While the rows are being read, other queries need a cursor of it."""
        self._statement = statement

    @property
    def sql(self) -> str:
        """The query."""
        return self._statement.sql

    @cached_property
    def parsed(self) -> Parsed:
        """The query as DuckDB parsed it.

        Raises `InvalidArgument` when it is not a query.
        """
        (found,) = execution.parsed(self.connection, self._statement)
        query: Parsed = found
        # A statement that changes data is not run for the rows it may return.
        if not execution.returns_rows(query) or query.type.name in ("INSERT", "UPDATE", "DELETE", "MERGE_INTO"):
            message = f"{query.type.name} has no rows to pipe: put a SELECT to the left of |."
            raise InvalidArgument(message)
        return query

    def result(self, form: str, *, stored: bool = False) -> Result:
        """The columns, and the rows as text for a format of `lakebed._cli.verbs.formats.FORMATS`. Of rows that are
        `stored`, an infinity is an error.

        Raises `InvalidArgument` when the query has no result, `duckdb.Error` when it fails.
        """
        found = execution.run(self.connection, self.parsed, form, stored=stored)
        if found is None:
            message = f"{self.parsed.type.name} gave no rows to pipe: put a SELECT to the left of |."
            raise InvalidArgument(message)
        return found

    def objects(self, *, stored: bool = False) -> Iterator[str]:
        """Each row as a JSON object. Numbers keep all their digits, JSON its own text at any depth.

        Rows that are `stored` have no infinities and no equal column names.

        Raises `InvalidArgument` for equal column names.
        """
        found = self.result("ndjson", stored=stored)
        names = [column.name for column in found.columns]
        if stored and (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
            message = f"Two columns are named {twice!r}, and a JSON object has each key once: rename one with AS."
            raise InvalidArgument(message)
        return render.json_objects(found.columns, found.rows, found.is_json)

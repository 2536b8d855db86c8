"""The rows of collections that each row of a query comes from.

They are known if the query selects rows of collections: FROM a collection, or collections joined, without grouping,
aggregates, DISTINCT, UNION or subqueries in FROM. Then the query is extended to select `_seq` and `_hash` of each
collection too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakebed.duck.error_positions import one_line_up

if TYPE_CHECKING:
    import duckdb

__all__ = ["described", "source_columns", "with_sources"]


def source_columns(index: int) -> tuple[str, str]:
    """The names of the added columns with `_seq` and `_hash` of the collection number `index`, from 0."""
    return f"__lakebed_seq_{index}", f"__lakebed_hash_{index}"


def with_sources(
    connection: duckdb.DuckDBPyConnection, query: str, columns: list[str], collections: Mapping[str, str]
) -> tuple[str, list[str], str]:
    """The query with the columns `source_columns` added, and the collection that each pair of them is of.

    `columns` are the columns of the query; `collections` maps the names of views, case-folded, to the names of their
    collections. If the source rows are not known, the query is unchanged, the list is empty, and the third value says
    why.
    """
    import duckdb

    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        return query, [], "the query cannot be taken apart"
    node = tree["statements"][0]["node"]
    why = _why_not_rows_of_tables(node)
    tables = [] if why else _tables(node["from_table"])
    if tables is None:
        return query, [], "the query reads from something else than collections"
    if why or not tables:
        return query, [], why or "the query reads from no collection"
    names = []
    for index, (table, alias) in enumerate(tables):
        if table.casefold() not in collections:
            return query, [], f"{table} is no collection"
        names.append(collections[table.casefold()])
        for column, added in zip(("_seq", "_hash"), source_columns(index), strict=True):
            reference = {
                "class": "COLUMN_REF",
                "type": "COLUMN_REF",
                "query_location": 0,
                "column_names": [alias, column],
            }
            node["select_list"].append({**reference, "alias": added})
    try:
        row = connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
        sql = str(row[0]).rstrip().rstrip(";") if row else query
        columns_found = described(connection, sql)
    except duckdb.Error:
        return query, [], "the query combines rows"
    if [name for name, *_ in columns_found][: len(columns)] != columns:
        return query, [], "the query cannot be taken apart"
    return sql, names, ""


def described(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The columns of a query, as DESCRIBE returns them. Raises `duckdb.Error` with positions in the query."""
    import duckdb

    try:
        return connection.execute(f"DESCRIBE SELECT * FROM (\n{query}\n) AS given").fetchall()
    except duckdb.Error as problem:
        raise one_line_up(problem) from None


def _why_not_rows_of_tables(node: dict[str, Any]) -> str:
    """Why the rows of a query are not rows of its tables; empty if they may be."""
    if node.get("type") != "SELECT_NODE":
        return "the query combines several"
    if node["cte_map"]["map"]:
        return "the query has a WITH"
    if (
        node["group_expressions"]
        or node["group_sets"]
        or node["having"]
        or node["aggregate_handling"] != "STANDARD_HANDLING"
    ):
        return "the query groups rows"
    if any("DISTINCT" in modifier["type"] for modifier in node["modifiers"]):
        return "the query has a DISTINCT"
    return ""


def _tables(table: dict[str, Any]) -> list[tuple[str, str]] | None:
    """The tables in FROM, each with its alias; None if FROM contains anything else."""
    match table.get("type"):
        case "BASE_TABLE" if table["table_name"]:
            return [(table["table_name"], table["alias"] or table["table_name"])]
        case "JOIN":
            left = _tables(table["left"])
            right: list[tuple[str, str]] | None = []
            if table.get("join_type") not in ("SEMI", "ANTI"):
                right = _tables(table["right"])
            return None if left is None or right is None else left + right
    return None

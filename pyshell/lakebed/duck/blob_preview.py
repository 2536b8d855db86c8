"""Blobs for a screen: a query that only shows them, made to read no more of large ones than a screen shows.

DuckDB hands a source no hint that only the first bytes of a value are wanted. So a query that passes `data` and `hash` straight from the
table of blobs to its result is turned into one over the view `glance.blobs`, which has the same rows and columns, but of `data` its
length and first bytes as text, and of a large blob only the beginning of `hash`. Anything else a query does with these two columns
needs them whole: then it stays as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

SCHEMA = "glance"
"""The schema of the store's database that the view is in."""
TABLE = "blobs"
SOURCE = "glances"
"""What the engine calls the table behind it."""

_WHOLE = ("data", "hash")
_CHEAP = frozenset(("id", "kind", "size", "stored_size", "encoding", "dictionary", "segment", "frame"))
"""The columns that are the same at a glance: expressions may name these and no others."""
_PLAIN = frozenset(
    ("COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "FUNCTION", "OPERATOR", "BETWEEN", "CAST", "CASE")
)

Node = dict[str, Any]


def glanced(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """The query at a glance, or None where it needs all bytes, or is no query of blobs."""
    import duckdb

    if TABLE not in sql.lower():
        return None
    try:
        return _glanced(connection, sql)
    except duckdb.Error:
        # What cannot be taken apart is run as it is.
        return None


def _glanced(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: Node = json.loads(row[0]) if row else {"error": True}
    if tree["error"] or len(tree["statements"]) != 1:
        return None
    query = tree["statements"][0]["node"]
    if not _only_shows(query):
        return None
    table = query["from_table"]
    if (database := _database(connection)) is None:
        return None
    path = [name for name in (table["catalog_name"], table["schema_name"]) if name]
    if [name.lower() for name in path] not in ([], ["sys"], [database.lower(), "sys"]):
        return None
    table.update(catalog_name=database, schema_name=SCHEMA, alias=table["alias"] or table["table_name"])
    if "qualified_name" in table:
        table["qualified_name"] = {"path": [database, SCHEMA, TABLE]}
    row = connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
    return str(row[0]) if row else None


def _database(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The database of the store, where `blobs` can only be its table: something else may have that name too."""
    named = connection.execute(
        "SELECT database_name, schema_name FROM duckdb_views() WHERE lower(view_name) = ? "
        "UNION ALL SELECT database_name, schema_name FROM duckdb_tables() WHERE lower(table_name) = ?",
        [TABLE, TABLE],
    ).fetchall()
    if sorted(schema for _, schema in named) != [SCHEMA, "sys"] or len({database for database, _ in named}) != 1:
        return None
    return str(named[0][0])


def _only_shows(query: Node) -> bool:
    """Whether the query takes rows of one table, and `data` and `hash` only to show them."""
    table: Node = query.get("from_table") or {}
    return bool(
        query["type"] == "SELECT_NODE"
        and table.get("type") == "BASE_TABLE"
        and str(table["table_name"]).lower() == TABLE
        and not table["column_name_alias"]
        and not table.get("at_clause")
        and not query["cte_map"]["map"]
        and query["aggregate_handling"] == "STANDARD_HANDLING"
        and not any(query.get(part) for part in ("group_expressions", "group_sets", "having", "qualify"))
        and all(_is_shown(item) for item in query["select_list"])
        and (query["where_clause"] is None or _is_cheap(query["where_clause"]))
        and all(_keeps_rows(modifier) for modifier in query["modifiers"])
    )


def _is_shown(item: Node) -> bool:
    """Whether an item of the SELECT list is all columns, `data` or `hash` under their own names, or needs neither."""
    if item["class"] == "STAR":
        return not any(item.get(part) for part in ("columns", "expr", "replace_list", "rename_list"))
    if item["class"] == "COLUMN_REF" and str(item["column_names"][-1]).lower() in _WHOLE:
        return not item["alias"]
    return _is_cheap(item)


def _keeps_rows(modifier: Node) -> bool:
    if modifier["type"] == "ORDER_MODIFIER":
        # A number is the place of a column, which may be one of those two.
        return all(
            one["expression"]["class"] == "COLUMN_REF" and _is_cheap(one["expression"]) for one in modifier["orders"]
        )
    return bool(modifier["type"] == "LIMIT_MODIFIER")


def _is_cheap(node: Any) -> bool:
    """Whether an expression has only columns that are the same at a glance, and nothing in it that has rows of its own."""
    if isinstance(node, list):
        return all(_is_cheap(part) for part in node)
    if not isinstance(node, dict):
        return True
    if "class" in node and node["class"] not in _PLAIN:
        return False
    if node.get("class") == "COLUMN_REF":
        name: str = node["column_names"][-1]
        return name.lower() in _CHEAP
    return all(_is_cheap(part) for part in node.values())

"""Previews of blobs: a query that only shows blobs on a screen is rewritten so that it reads no more of a large blob
than is shown.

DuckDB does not tell a scan object that only the first bytes of a value are used. So a query that passes `data` and
`hash` straight from the table of blobs to its result is turned into one over the view `glance.blobs`. That view has the
same rows and columns, but `data` is its length and first bytes as text, and `hash` of a large blob is only the
beginning. A query that does anything else with these two columns needs them whole and is not rewritten.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lakebed.duck.attachment import PREVIEW_SCHEMA, Attachment, attachments

if TYPE_CHECKING:
    import duckdb

TABLE = "blobs"

_SHORTENED = ("data", "hash")
_UNCHANGED = frozenset(("id", "kind", "size", "stored_size", "encoding", "dictionary", "segment", "frame"))
"""The columns that are the same in the view of previews: expressions may use these and no others."""
_SCALAR = frozenset(
    ("COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "FUNCTION", "OPERATOR", "BETWEEN", "CAST", "CASE")
)
"""The classes of expressions that are computed from one row alone."""

Node = dict[str, Any]


def with_previews(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """The query over previews; None if it needs whole blobs, or does not read the table of blobs."""
    from lakebed._duckdb import duckdb

    if TABLE not in sql.lower():
        return None
    try:
        return _rewritten(connection, sql)
    except duckdb.Error:
        # DuckDB cannot serialise every query; such a query is not rewritten.
        return None


def _rewritten(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree: Node = json.loads(row[0]) if row else {"error": True}
    if tree["error"] or len(tree["statements"]) != 1:
        return None
    query = tree["statements"][0]["node"]
    if not _only_shows(query):
        return None
    table = query["from_table"]
    if (store := _store(connection)) is None:
        return None
    database = store.name
    path = [name for name in (table["catalog_name"], table["schema_name"]) if name]
    if [name.lower() for name in path] not in ([], ["sys"], [database.lower(), "sys"]):
        return None
    table.update(catalog_name=database, schema_name=PREVIEW_SCHEMA, alias=table["alias"] or table["table_name"])
    if "qualified_name" in table:
        table["qualified_name"] = {"path": [database, PREVIEW_SCHEMA, TABLE]}
    row = connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
    store.show_previews(connection)
    # A transaction of the user's does not see the new view.
    seen = connection.execute(
        "SELECT 1 FROM duckdb_views() WHERE database_name = ? AND schema_name = ?", [database, PREVIEW_SCHEMA]
    ).fetchone()
    return str(row[0]) if row and seen else None


def _store(connection: duckdb.DuckDBPyConnection) -> Attachment | None:
    """The attached store; None if `blobs` may mean another table or view, or another store's."""
    named = connection.execute(
        "SELECT database_name, schema_name FROM duckdb_views() WHERE lower(view_name) = ? "
        "UNION ALL SELECT database_name, schema_name FROM duckdb_tables() WHERE lower(table_name) = ?",
        [TABLE, TABLE],
    ).fetchall()
    places = [(database, schema) for database, schema in named if schema != PREVIEW_SCHEMA]
    if len(places) != 1 or places[0][1] != "sys":
        return None
    return next((one for one in attachments(connection) if one.name == places[0][0] and one.has_previews), None)


def _only_shows(query: Node) -> bool:
    """Whether the query selects rows of the one table, and uses `data` and `hash` only to show them."""
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
        and (query["where_clause"] is None or _is_unchanged(query["where_clause"]))
        and all(_keeps_rows(modifier) for modifier in query["modifiers"])
    )


def _is_shown(item: Node) -> bool:
    """Whether an item of the SELECT list is all columns, `data` or `hash` under their own names, or needs neither."""
    if item["class"] == "STAR":
        return not any(item.get(part) for part in ("columns", "expr", "replace_list", "rename_list"))
    if item["class"] == "COLUMN_REF" and str(item["column_names"][-1]).lower() in _SHORTENED:
        return not item["alias"]
    return _is_unchanged(item)


def _keeps_rows(modifier: Node) -> bool:
    """Whether an ORDER BY or LIMIT does not depend on the shortened columns."""
    if modifier["type"] == "ORDER_MODIFIER":
        # ORDER BY 2 names a column by position, which may be a shortened one.
        return all(
            one["expression"]["class"] == "COLUMN_REF" and _is_unchanged(one["expression"])
            for one in modifier["orders"]
        )
    return bool(modifier["type"] == "LIMIT_MODIFIER")


def _is_unchanged(node: Any) -> bool:
    """Whether the value of an expression is the same over previews: it uses no shortened column and no subquery."""
    if isinstance(node, list):
        return all(_is_unchanged(part) for part in node)
    if not isinstance(node, dict):
        return True
    if "class" in node and node["class"] not in _SCALAR:
        return False
    if node.get("class") == "COLUMN_REF":
        name: str = node["column_names"][-1]
        return name.lower() in _UNCHANGED
    return all(_is_unchanged(part) for part in node.values())

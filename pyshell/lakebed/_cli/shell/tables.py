"""The verb `tables`: what can be queried, read from the store and from DuckDB's catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lakebed._cli import render
from lakebed._cli.environment.duckdb_connection import DATABASE
from lakebed._cli.render import Column, Row
from lakebed._cli.results.totals import within
from lakebed._cli.shell.session import Session
from lakebed._cli.shell.sql import running, show_listing
from lakebed._sql_text import quoted
from lakebed.duck.attachment import SYSTEM_NAMES, SYSTEM_SCHEMA
from lakebed.duck.names import view_names

_OWN = """
    SELECT database_name, schema_name, table_name, 'table', estimated_size FROM duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT database_name, schema_name, view_name, 'view', NULL FROM duckdb_views() WHERE NOT internal
    ORDER BY ALL
"""
_OWN_COLUMNS = (
    "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
)


class _Listed(NamedTuple):
    """A table."""

    name: str
    kind: str
    """`collection`, `system`, `table` or `view`."""
    rows: int | None
    columns: Mapping[str, str]
    """The types, by name."""
    size: int | None = None
    """About how many bytes of the files its records take."""


def tables(session: Session, pattern: str | None, columns: bool) -> None:
    """Lists the tables whose names are like a pattern, with their columns if that is asked for."""
    with running(session) as connection:
        session.refresh()
        wanted = _like(pattern or "%")
        found = [one for one in (*_of_store(session), *_own(session)) if wanted.fullmatch(one.name)]
        del connection
    if columns:
        shown = [Column("table"), Column("column"), Column("type")]
        rows: list[Row] = [[one.name, name, kind] for one in found for name, kind in one.columns.items()]
        show_listing(session, shown, rows)
        return
    shown = [
        Column("name"), Column("kind"), Column("rows", "BIGINT"), Column("stored_bytes", "BIGINT"), Column("columns", "BIGINT"),
    ]  # fmt: skip
    lines: list[Row] = [
        [
            one.name,
            one.kind,
            *(None if number is None else str(number) for number in (one.rows, one.size)),
            str(len(one.columns)),
        ]
        for one in found
    ]
    show_listing(session, shown, lines)
    if session.store is not None and session.interactive:
        with session.context.open() as store:
            stats = store.stats()
        session.remark(
            f"the store: {render.count(stats.rows, 'row')}, {render.size(stats.raw_bytes)} of data in "
            f"{render.size(stats.disk_bytes)} on disk"
        )


_RANGE_SECONDS = 1.0
"""How long the ranges of columns are looked for."""
_SIZES_SECONDS = 1.0
"""How long the sizes of collections are looked for."""
_RANGED = ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE", "DATE", "TIMESTAMP", "TIME", "VARCHAR")
_LONGEST_END = 24
"""Characters of the least and the greatest text that are shown."""


def describe(session: Session, collection: str) -> None:
    """Lists the columns of a collection: what the store knows, and the least and the greatest values.

    Raises `CollectionNotFound`.
    """
    with session.context.open() as store:
        schema = store.schema(collection)
    ranges = (
        {} if session.in_transaction else _ranges(session, collection, {one.name: one.type for one in schema.columns})
    )
    shown = [
        Column("column", is_key=True), Column("type"), Column("values", "BIGINT"), Column("nulls", "BIGINT"),
        Column("missing", "BIGINT"), Column("least"), Column("greatest"), Column("notes"),
    ]  # fmt: skip
    lines: list[Row] = [
        [
            one.name,
            one.type,
            *(str(number) for number in (one.values, one.nulls, one.missing)),
            *ranges.get(one.name, (None, None)),
            "; ".join(one.notes) or None,
        ]
        for one in schema.columns
    ]
    show_listing(session, shown, lines)


def _ranges(session: Session, collection: str, types: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """The least and the greatest value of each column that has such; none where they are not found in a moment."""
    assert session.store is not None
    names = [name for name, kind in types.items() if kind.startswith(_RANGED) and name != "_hash"]
    if not names:
        return {}
    # One character more than is shown, to know whether there are more.
    ends = [f"left({end}({quoted(name)})::VARCHAR, {_LONGEST_END + 1})" for name in names for end in ("min", "max")]
    with running(session) as connection:
        session.store.show(connection, {collection.casefold()})
        found = within(
            connection, f"SELECT {', '.join(ends)} FROM {DATABASE}.main.{quoted(collection)}", _RANGE_SECONDS
        )
    if not found:
        return {}
    texts = [_shortened(text) for text in found[0]]
    return {name: (texts[2 * place], texts[2 * place + 1]) for place, name in enumerate(names)}


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_END else text[: _LONGEST_END - 1] + "…"


def _like(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern of LIKE, whatever the case."""
    parts = (".*" if one in "%*" else "." if one == "_" and len(pattern) == 1 else re.escape(one) for one in pattern)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _of_store(session: Session) -> Iterator[_Listed]:
    """The collections."""
    if session.store is None:
        return
    sizes = _sizes(session)
    for view, table in sorted(session.store.tables().items()):
        if view.schema == "main":
            yield _Listed(view.name, "collection", table.rows, table.types, sizes.get(view.name))


def _sizes(session: Session) -> dict[str, int]:
    """The sizes of the collections, by the names of their views; none where they are not found in a moment."""
    assert session.store is not None
    if session.in_transaction:
        return {}
    session.store.show(session.connection, {"collections"})
    query = f"SELECT name, stored_bytes FROM {DATABASE}.{SYSTEM_SCHEMA}.collections ORDER BY id"
    found = dict(within(session.connection, query, _SIZES_SECONDS) or ())
    return {view: found[name] for name, view in view_names(found).items()}


def _own(session: Session) -> Iterator[_Listed]:
    """The tables about the store, and the tables and views of the user's own."""
    if session.store is not None:
        session.store.show(session.connection, SYSTEM_NAMES)
    columns: dict[tuple[str, str, str], dict[str, str]] = {}
    for database, schema, table, name, kind in session.connection.execute(_OWN_COLUMNS).fetchall():
        columns.setdefault((database, schema, table), {})[name] = kind
    for database, schema, table, kind, rows in session.connection.execute(_OWN).fetchall():
        if database != DATABASE or schema == SYSTEM_SCHEMA:
            shown = "system" if database == DATABASE else kind
            yield _Listed(table, shown, rows, columns.get((database, schema, table), {}))

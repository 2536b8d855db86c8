"""Refuses statements that would change the views of a store, which SQL only reads, and says what does that instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lakebed._cli.language.names import sql_words
from lakebed._sql_names import unquoted
from lakebed.duck.attachment import MARKER, SYSTEM_NAMES, SYSTEM_SCHEMA
from lakebed.duck.names import ViewName
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.language.statements import Statement
    from lakebed.duck.attachment import Attachment

_NOISE = frozenset(
    "or replace ignore temp temporary persistent recursive materialized if not exists only abort fail".split()
)
_KINDS = frozenset("table view macro function index schema sequence type trigger database".split())
_INSTEAD = {
    "drop": "`drop {name}` removes the collection",
    "insert": "SELECT ... | into {name} appends rows to it, `ingest FILE into {name}` the records of a file",
    "update": "records do not change; append newer ones with SELECT ... | into {name}, or change a copy of your own: "
    "CREATE TABLE mine AS FROM {name}",
    "delete": "`delete HASH` removes a record and its rows, `trim {name} --before-seq N` the oldest rows, `drop {name}` all",
    "alter": "its columns follow its records; a view of your own has others: CREATE VIEW mine AS SELECT ... FROM {name}",
}


class _Change(NamedTuple):
    """What a statement changes."""

    kind: str
    """A key of `_INSTEAD`, or `create`."""
    path: tuple[str, ...]
    """The name of the table, its database and schema first where they are given."""
    what: str
    """The kind of the thing: `table`, `view`, `schema`."""


def refuse_changes(connection: duckdb.DuckDBPyConnection, store: Attachment, statement: Statement) -> None:
    """Raises `InvalidArgument` for a statement that would change a collection or a table about the store, or create
    something among them."""
    change = _change(statement)
    if change is None:
        return
    *place, name = change.path
    folded = [one.casefold() for one in place]
    database = store.name.casefold()
    in_store = folded[:1] == [database] or (folded in (["main"], ["sys"]) and change.kind != "create")
    if change.kind == "create":
        if in_store:
            message = (
                f"{store.name} is a store, which SQL only reads: SELECT ... | into {name} makes a collection, and CREATE "
                f"{change.what.upper()} {name} without {store.name}. one of your own."
            )
            raise InvalidArgument(message)
        return
    if not place and change.what in ("schema", "database"):
        in_store = name.casefold() in (database, "sys")
    if in_store and change.what in ("schema", "database"):
        message = f"{name} belongs to the store, which stays attached: `drop COLLECTION` removes a collection."
        raise InvalidArgument(message)
    if place and not in_store:
        return
    known = _known_name(store, name, folded)
    if known is None or (not place and is_own(connection, name)):
        return
    if known.schema != "main":
        message = f"{name} is a table about the store, which is only read."
        raise InvalidArgument(message)
    message = f"{known.name} is a collection of the store, which SQL only reads: {_INSTEAD[change.kind].format(name=known.name)}."
    raise InvalidArgument(message)


def _known_name(store: Attachment, name: str, place: Sequence[str]) -> ViewName | None:
    """The view of the store with this name, if there is one."""
    wanted = "main" if "main" in place else "sys" if "sys" in place else None
    if name.casefold() in SYSTEM_NAMES and wanted != "main":
        return ViewName("sys", name)
    found = (view for view in store.view_names() if view.casefold() == name.casefold())
    return next((ViewName("main", view) for view in found), None)


def is_own(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether there is a table or view of the user's own with this name, which goes before those of stores."""
    found = connection.execute(
        "SELECT 1 FROM (SELECT database_name, table_name FROM duckdb_tables() UNION ALL "
        "SELECT database_name, view_name FROM duckdb_views()) AS known(d, n) WHERE lower(n) = lower(?) "
        "AND d NOT IN (SELECT database_name FROM duckdb_types() WHERE schema_name = ? AND type_name = ?)",
        [name, SYSTEM_SCHEMA, MARKER],
    ).fetchone()
    return found is not None


def _change(statement: Statement) -> _Change | None:
    """What a statement changes; None when it changes no table."""
    words = sql_words(statement)
    if not words:
        return None
    first, *rest = words
    kind = first.lower()
    what = "table"
    if kind == "with":
        # Only INSERT, UPDATE and DELETE follow WITH and change something.
        return None
    if kind in ("drop", "alter", "create", "truncate", "detach", "comment"):
        while rest and (rest[0].lower() in _NOISE or rest[0].lower() in _KINDS):
            what = rest[0].lower() if rest[0].lower() in _KINDS else what
            rest = rest[1:]
        kind = {"truncate": "delete", "detach": "drop"}.get(kind, kind)
        what = "database" if first.lower() == "detach" else what
    elif kind in ("insert", "merge", "replace"):
        while rest and (rest[0].lower() in _NOISE or rest[0].lower() == "into"):
            rest = rest[1:]
        kind = "insert"
    elif kind == "delete":
        rest = rest[1:] if rest and rest[0].lower() == "from" else rest
    elif kind == "copy":
        path = _path(rest)
        behind = rest[2 * len(path) - 1 :] if path else []
        if behind[:1] == ["("]:
            behind = behind[behind.index(")") + 1 :] if ")" in behind else []
        if not behind or behind[0].lower() != "from":
            return None
        kind = "insert"
    elif kind != "update":
        return None
    path = _path(rest)
    return _Change(kind, path, what) if path and (kind in _INSTEAD or kind == "create") else None


def _path(words: Sequence[str]) -> tuple[str, ...]:
    """The name that words begin with: `a`, `a.b`, `a.b.c`."""
    parts: list[str] = []
    for index, word in enumerate(words):
        if index % 2 == 0:
            parts.append(unquoted(word))
        elif word != ".":
            break
    return tuple(parts)

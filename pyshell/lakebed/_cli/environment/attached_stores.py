"""The stores of a connection: the one of the command line, and those that statements attach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lakebed._cli.environment.duckdb_connection import attach_store
from lakebed._cli.environment.store_guard import refuse_changes
from lakebed._cli.language.names import names_in, sql_words
from lakebed._sql_names import unquoted
from lakebed.duck.connection import attach_on_demand
from lakebed.duck.cursors import may_open_files
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from lakebed._cli.environment.context import Context
    from lakebed._cli.language.statements import Statement
    from lakebed.duck.attachment import Attachment


class AttachedStores:
    """The stores that are attached to one connection. Their views are made when statements name them."""

    def __init__(self, context: Context, connection: duckdb.DuckDBPyConnection) -> None:
        self._context = context
        self._connection = connection
        self.main: Attachment | None = None
        """The store of the command line, once it exists."""
        self._others: list[Attachment] = []

    def attach_main(self) -> Attachment:
        """Attaches the store of the command line.

        Raises `StoreNotFound` when there is none.
        """
        self.main = attach_store(self._context, self._connection)
        return self.main

    def refresh(self) -> None:
        """Moves every store to its newest commit."""
        for one in self._all():
            one.refresh(self._connection)

    def prepare(self, statement: Statement) -> bool:
        """Makes what a statement names. Returns whether it was a statement about stores, which has been run.

        Raises `InvalidArgument` for a statement that would change what SQL only reads.
        """
        words = sql_words(statement)
        first = words[0].lower() if words and statement.kind == "sql" else ""
        if first == "attach" and (asked := _attached(words)) is not None:
            self._context.allow_file(asked.path)
            if may_open_files(self._connection):
                self._attach(asked)
                return True
            # DuckDB's own ATTACH says what forbids it.
        if first == "detach" and (other := self._other(unquoted(words[-1]))) is not None:
            self._connection.execute(statement.sql)
            self._others.remove(other)
            return True
        names = names_in(statement)
        if first != "explain" and (writers := _WRITERS & {unquoted(word).casefold() for word in words}):
            self._context.allow_change(f"{min(writers)}()")
        for one in self._all():
            one.hide_previews(self._connection)
            one.show(self._connection, names)
            if statement.kind == "sql":
                refuse_changes(self._connection, one, statement)
        return False

    def _all(self) -> list[Attachment]:
        return [*([self.main] if self.main is not None else []), *self._others]

    def _other(self, name: str) -> Attachment | None:
        return next((one for one in self._others if one.name.casefold() == name.casefold()), None)

    def _attach(self, asked: _Attach) -> None:
        if asked.may_exist and self._other(asked.name) is not None:
            return
        path = str(Path(asked.path).expanduser())
        self._others.append(attach_on_demand(self._connection, path, asked.name, functions=not self._context.safe))


_WRITERS = frozenset(("lakebed_ingest", "lakebed_train"))
"""The functions of the extension that write to a store."""


class _Attach(NamedTuple):
    """An ATTACH of a store."""

    path: str
    name: str
    may_exist: bool


def _attached(words: Sequence[str]) -> _Attach | None:
    """The store that the words of a statement attach; None when they attach something else.

    Raises `InvalidArgument` for options, of which a store has none.
    """
    rest = [word for word in words[1:] if word.lower() not in ("database", "or", "replace")]
    may_exist = [word.lower() for word in rest[:3]] == ["if", "not", "exists"]
    rest = rest[3:] if may_exist else rest
    if not rest or rest[0][:1] not in "'$eE":
        return None
    path = unquoted(rest[0])
    place = Path(path).expanduser()
    if not (path.rstrip("/").endswith(".lakebed") or (place / "FORMAT").is_file()):
        return None
    name = unquoted(rest[2]) if len(rest) > 2 and rest[1].lower() == "as" else place.name.removesuffix(".lakebed")
    if len(rest) > (3 if len(rest) > 1 and rest[1].lower() == "as" else 1):
        message = f"ATTACH of a store takes no options, and {path} is one: it is read only."
        raise InvalidArgument(message)
    return _Attach(path, name, may_exist)

"""The tables that a statement can name columns of: those of the catalog by name or alias, WITH queries, and subqueries.
Pure.

A statement that is being typed is rarely complete, so its tokens are read, not its syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lakebed._cli.language.tokens import tokens
from lakebed._cli.shell.completion_catalog import Column, CompletionCatalog, Table

BEFORE_TABLE = frozenset(("from", "join", "into", "describe", "summarize", "update", "table", "show"))
"""The words that a table follows."""
_CLAUSES = frozenset(
    "where group order having qualify limit window union except intersect on using offset sample select set values".split()
)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class Scope:
    """The tables of one statement."""

    def __init__(self, statement: str, catalog: CompletionCatalog) -> None:
        self._catalog = catalog
        self._text = statement
        found = [token for token in tokens(statement) if token.kind != "comment"]
        self._words = [statement[token.start : token.end] for token in found]
        self._is_name = [token.kind == "identifier" for token in found]
        self._pairs = _pairs(self._words)
        self.with_queries: dict[str, Table] = {}
        """The queries of WITH, by name."""
        self.tables: dict[str, Table] = {}
        """The tables in use, by alias or name, in order."""
        self.inner: dict[str, Table] = {}
        """The tables in use in complete subqueries, where the cursor may be."""
        self._read(0, len(self._words), self.tables)

    def _read(self, start: int, end: int, found: dict[str, Table]) -> None:
        """Adds the tables that are named between two tokens, at any depth."""
        index = start
        expecting = False
        while index < end:
            word = self._words[index].lower()
            if word in ("with", "recursive", ",") and (after := self._with_query(index + 1, end)) is not None:
                index = after
                continue
            if word in BEFORE_TABLE or (word == "," and expecting):
                index = self._table(index + 1, end, found)
                expecting = word in ("from", "join", ",")
                continue
            if word in _CLAUSES:
                expecting = False
            index += 1

    def _with_query(self, index: int, end: int) -> int | None:
        """Reads `name [(columns)] AS [MATERIALIZED] (query)`; the index behind it, None where there is none."""
        if index >= end or not re.match(r'[\w"]', self._words[index]):
            return None
        name = _unquoted(self._words[index])
        index += 1
        given: list[str] = []
        if index < end and self._words[index] == "(":
            close = self._pairs.get(index, end)
            given = [_unquoted(word) for word in self._words[index + 1 : close] if word != ","]
            index = close + 1
        if index >= end or self._words[index].lower() != "as":
            return None
        index += 1
        while index < end and self._words[index].lower() in ("not", "materialized"):
            index += 1
        if index >= end or self._words[index] != "(":
            return None
        close = self._pairs.get(index, end)
        columns = self.columns_of(index + 1, close)
        if given:
            columns = [
                Column(one, columns[place].type if place < len(columns) else "") for place, one in enumerate(given)
            ]
        table = Table(name, "with", tuple(columns))
        self.with_queries[name] = table
        # While the query is being typed, its own tables are in use, too.
        if close >= len(self._words):
            self._read(index + 1, end, self.tables)
        return close + 1

    def _table(self, index: int, end: int, found: dict[str, Table]) -> int:
        """Reads a table or a subquery with its alias; the index behind it."""
        if index < end and self._words[index] == "(":
            close = self._pairs.get(index, end)
            if close >= len(self._words):
                # It is being typed.
                return index + 1
            self._read(index + 1, close, self.inner)
            alias, after = self._alias(close + 1, end)
            if alias:
                found[alias] = Table(alias, "subquery", tuple(self.columns_of(index + 1, close)))
            return after
        path, index = self._name(index, end)
        if not path:
            return max(index, 1)
        alias, index = self._alias(index, end)
        known = {name.lower(): one for name, one in self.with_queries.items()}
        table: Table | None = known.get(path[-1].lower()) if len(path) == 1 else None
        table = (
            table or self._catalog.tables.get(".".join(path[-2:]).lower()) or self._catalog.tables.get(path[-1].lower())
        )
        if table is not None:
            found[alias or path[-1]] = table
        return index

    def _name(self, index: int, end: int) -> tuple[list[str], int]:
        """The parts of the dotted name at an index, and the index behind it."""
        parts: list[str] = []
        while index < end and re.match(r'[\w"]', self._words[index]):
            parts.append(_unquoted(self._words[index]))
            index += 1
            if index >= end or self._words[index] != ".":
                break
            index += 1
        return parts, index

    def _alias(self, index: int, end: int) -> tuple[str, int]:
        """The alias at an index, empty where there is none, and the index behind it."""
        if index < end and self._words[index].lower() == "as":
            index += 1
        if index < end and self._is_name[index]:
            return _unquoted(self._words[index]), index + 1
        return "", index

    def columns_of(self, start: int, end: int) -> list[Column]:
        """The columns of the result of the query between two tokens."""
        inner: dict[str, Table] = {}
        self._read(start, end, inner)
        every = [column for table in dict.fromkeys(inner.values()) for column in table.columns]
        select = next((index for index in self._at_top(start, end) if self._words[index].lower() == "select"), None)
        if select is None:
            return every
        columns: list[Column] = []
        for item in self._items(select + 1, end):
            columns += self._item(item, inner, every)
        return columns

    def _items(self, start: int, end: int) -> Iterator[Sequence[int]]:
        """The indexes of each item of a SELECT list."""
        item: list[int] = []
        for index in self._at_top(start, end):
            word = self._words[index].lower()
            if word == "from" or (word in _CLAUSES and word != "select"):
                break
            if word == ",":
                yield item
                item = []
            elif word not in ("distinct", "all") or item:
                item.append(index)
        yield item

    def _item(self, item: Sequence[int], inner: Mapping[str, Table], every: Sequence[Column]) -> list[Column]:
        """The columns that an item of a SELECT list gives."""
        words = [self._words[index] for index in item]
        if not words:
            return []
        if words[0] == "*":
            return list(every)
        if words[-1] == "*" and len(words) >= 3 and words[-2] == ".":
            table = next((one for name, one in inner.items() if name.lower() == _unquoted(words[0]).lower()), None)
            return list(table.columns) if table is not None else []
        name = _unquoted(words[-1])
        if not re.match(r"\w", name):
            return []
        is_plain = all(index % 2 == 0 or word == "." for index, word in enumerate(words))
        if not is_plain and not (len(words) > 1 and (words[-2].lower() == "as" or self._is_name[item[-1]])):
            return []
        source = words[-3] if len(words) > 2 and words[-2].lower() == "as" and len(words) == 3 else words[-1]
        known = {column.name.lower(): column.type for column in every}
        return [Column(name, known.get(_unquoted(source).lower(), "") if is_plain or len(words) == 3 else "")]

    def _at_top(self, start: int, end: int) -> Iterator[int]:
        """The indexes of the tokens between two that are in no bracket."""
        index = start
        while index < end:
            yield index
            index = self._pairs.get(index, index) + 1 if self._words[index] in _OPEN else index + 1


def _pairs(words: Sequence[str]) -> dict[int, int]:
    """The index of the closing bracket of each opening one; behind the end where there is none yet."""
    found: dict[int, int] = {}
    open_ones: list[int] = []
    for index, word in enumerate(words):
        if word in _OPEN:
            open_ones.append(index)
        elif word in _CLOSE and open_ones:
            found[open_ones.pop()] = index
    return found | dict.fromkeys(open_ones, len(words))


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if len(word) > 1 and word[0] == '"' == word[-1] else word.strip('"')

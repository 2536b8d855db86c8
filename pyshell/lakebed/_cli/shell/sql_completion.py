"""Completion within SQL: tables, columns, fields of structs, functions and keywords. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lakebed._cli.language.statements import Statement
from lakebed._cli.language.tokens import Token, tokens
from lakebed._cli.shell.completion_catalog import Column, CompletionCatalog, Table
from lakebed._cli.shell.suggestions import Suggestion, files, with_prefix
from lakebed._cli.verbs import PIPE_VERBS
from lakebed.duck.names import quoted
from lakebed.duck.struct_types import StructField, struct_fields

_WORD = re.compile(r"[\w.\"]*\Z")
_BEFORE_TABLE = frozenset(("from", "join", "into", "describe", "summarize", "update", "table", "show"))
"""The words that a table follows."""


def suggest_sql(
    text: str,
    before: str,
    statement: Statement,
    whole: Statement,
    catalog: CompletionCatalog,
    *,
    requested: bool,
) -> Iterator[Suggestion]:
    """The suggestions within SQL, where `before` is the text up to the cursor.

    `statement` is the statement that ends at the cursor, `whole` the same one in the whole text. Before a word is begun
    there are none, unless the user has `requested` them or a table must follow.
    """
    found = list(tokens(before, statement.start))
    if found and found[-1].kind in ("string_const", "comment") and found[-1].end >= len(before.rstrip()):
        last = before[found[-1].start :]
        if last.startswith("'") and last.count("'") == 1:
            # A file in quotes, which are in the text already.
            yield from (one._replace(text=one.text.strip("'")) for one in files(last[1:], found[-1].start + 1))
        return
    match = _WORD.search(before)
    typed = match[0] if match else ""
    begin = len(before) - len(typed)
    if before[:begin].rstrip().endswith("|"):
        yield from with_prefix((verb.name for verb in PIPE_VERBS), typed, begin, "pipe")
    earlier = [token for token in found if token.end <= begin]
    in_use = _named_tables(text[whole.start : whole.end], catalog)
    if "." in typed:
        yield from _after_dot(typed, begin, in_use, catalog)
        return
    wants_table = bool(earlier) and _word_of(before, earlier[-1]) in _BEFORE_TABLE
    wants_table = wants_table or _is_after_table_comma(before, earlier)
    if wants_table:
        tables = sorted((table for key, table in catalog.tables.items() if "." not in key), key=_system_tables_last)
        yield from (
            _named(table.name, begin, "table", catalog)
            for table in tables
            if table.name.lower().startswith(typed.lower().strip('"'))
        )
        yield from with_prefix(_names_of_with(before, earlier), typed, begin, "with")
        return
    if not typed and not requested:
        return
    lowered = typed.lower().strip('"')
    named = list(in_use.values())
    if not named and lowered:
        # In front of FROM the table is not known: the columns of all collections.
        named = [catalog.tables[one.lower()] for one in catalog.collections if one.lower() in catalog.tables]
    columns = [column for table in dict.fromkeys(named) for column in table.columns]
    yield from (
        _named(one.name, begin, _short_type(one.type), catalog)
        for one in columns
        if one.name.lower().startswith(lowered)
    )
    yield from with_prefix((alias for alias in in_use if lowered), typed, begin, "table")
    if lowered:
        upper = not typed.islower()
        keywords = (word for word in catalog.keywords if len(word) > 1)
        yield from with_prefix((word.upper() if upper else word for word in keywords), typed, begin, "keyword")
        yield from with_prefix(catalog.functions, typed, begin, "function")


def _system_tables_last(table: Table) -> tuple[bool, str]:
    return table.schema.endswith(".sys"), table.name.lower()


def _word_of(text: str, token: Token) -> str:
    return text[token.start : token.end].lower()


def _named(name: str, start: int, kind: str, catalog: CompletionCatalog) -> Suggestion:
    """A name as an identifier, quoted where SQL requires it."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in catalog.reserved
    return Suggestion(name if plain else quoted(name), start, kind)


def _short_type(type_name: str) -> str:
    return type_name.lower() if len(type_name) <= 24 else type_name.partition("(")[0].lower()


def _is_after_table_comma(before: str, earlier: list[Token]) -> bool:
    """Whether the last token is a comma in a FROM clause, which another table follows."""
    if not earlier or _word_of(before, earlier[-1]) != ",":
        return False
    depth = 0
    for token in reversed(earlier[:-1]):
        word = _word_of(before, token)
        if word in (")", "]"):
            depth += 1
        elif word in ("(", "["):
            depth -= 1
            if depth < 0:
                return False
        elif depth == 0 and token.kind == "keyword":
            if word == "from":
                return True
            if word not in ("as", "join"):
                return False
    return False


def _names_of_with(before: str, earlier: list[Token]) -> list[str]:
    """The names of the queries in a WITH clause."""
    words = [_word_of(before, token) for token in earlier]
    if "with" not in words:
        return []
    return [
        words[index - 1]
        for index, word in enumerate(words)
        if word == "as" and words[index + 1 : index + 2] == ["("] and index
    ]


def _named_tables(statement: str, catalog: CompletionCatalog) -> dict[str, Table]:
    """The tables that a statement names, by alias or name."""
    found: dict[str, Table] = {}
    all_tokens = [token for token in tokens(statement) if token.kind != "comment"]
    shown = [statement[token.start : token.end] for token in all_tokens]
    index = 0
    expecting = False
    while index < len(shown):
        word = shown[index].lower()
        if word in _BEFORE_TABLE or (word == "," and expecting):
            name, index = _dotted_name(shown, index + 1)
            table = catalog.tables.get(".".join(name[-2:]).lower()) or (
                catalog.tables.get(name[-1].lower()) if name else None
            )
            alias = name[-1] if name else ""
            if table is not None:
                if index < len(shown) and shown[index].lower() == "as":
                    index += 1
                if index < len(shown) and all_tokens[index].kind == "identifier":
                    alias = shown[index].strip('"')
                    index += 1
                found[alias] = table
            expecting = True
            continue
        if all_tokens[index].kind == "keyword" and word not in ("as", "on", "using"):
            expecting = False
        index += 1
    return found


def _dotted_name(shown: list[str], index: int) -> tuple[list[str], int]:
    """The parts of the name that begins at a token, and the index of the token behind it."""
    parts: list[str] = []
    while index < len(shown) and re.match(r"[\w\"]", shown[index]):
        parts.append(shown[index].strip('"'))
        index += 1
        if index < len(shown) and shown[index] == ".":
            index += 1
            continue
        break
    return parts, index


def _after_dot(typed: str, begin: int, in_use: dict[str, Table], catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """The suggestions after a dot: columns of a table, fields of a column, tables of a schema."""
    *path, last = typed.split(".")
    start = begin + len(typed) - len(last)
    names = [part.strip('"').lower() for part in path]
    known = {alias.lower(): table for alias, table in in_use.items()}
    columns: Sequence[Column | StructField] = []
    if names[0] in known and (len(names) == 1 or _column(known[names[0]].columns, names[1]) is not None):
        columns, names = list(known[names[0]].columns), names[1:]
    else:
        columns = [column for table in in_use.values() for column in table.columns]
        if _column(columns, names[0]) is None:
            columns = []
    for name in names:
        column = _column(columns, name)
        columns = struct_fields(column.type) if column is not None else []
    lowered = last.lower().strip('"')
    yield from (
        _named(one.name, start, _short_type(one.type), catalog)
        for one in columns
        if one.name.lower().startswith(lowered)
    )
    if not columns:
        schema = ".".join(names)
        tables = [
            table
            for table in dict.fromkeys(catalog.tables.values())
            if table.schema == schema or table.schema.endswith("." + schema) or table.schema == f"{schema}.main"
        ]
        yield from (
            _named(table.name, start, "table", catalog) for table in tables if table.name.lower().startswith(lowered)
        )


def _column(columns: Iterable[Column | StructField], name: str) -> Column | StructField | None:
    return next((one for one in columns if one.name.lower() == name), None)

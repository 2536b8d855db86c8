"""Completion within SQL: tables, columns, fields of structs, settings, functions and keywords. Pure, but for DuckDB's
tokenizer and parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from lakebed._cli.language.statements import Statement
from lakebed._cli.language.tokens import Token, tokens
from lakebed._cli.shell import statements
from lakebed._cli.shell.completion_catalog import Column, CompletionCatalog, Table
from lakebed._cli.shell.sql_scope import BEFORE_TABLE, Scope
from lakebed._cli.shell.suggestions import Suggestion, files, match_rank, with_prefix
from lakebed._cli.verbs import PIPE_VERBS
from lakebed._cli.verbs.formats import SESSION_SETTINGS
from lakebed._sql_text import quoted
from lakebed.duck.struct_types import StructField, element_type, struct_fields

_WORD = re.compile(r'(?:[\w."]|\[[^\[\]]*\])*\Z')
_MOST_TRIED = 40
"""Keywords that the parser is asked about."""
_JOINS = frozenset("join left right inner full cross natural asof positional semi anti using".split())


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
    there are none, unless the user has `requested` them, or a table, a join's condition or a setting must follow.
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
    if "." not in typed.replace("[.", ""):
        typed = typed.rpartition("]")[2]
    begin = len(before) - len(typed)
    if before[:begin].rstrip().endswith("|"):
        yield from with_prefix((verb.name for verb in PIPE_VERBS), typed, begin, "pipe")
    earlier = [token for token in found if token.end <= begin]
    words = [_word_of(before, token) for token in earlier]
    if words and words[0] in ("set", "reset", "pragma") and all(word in _SCOPES for word in words[1:]):
        yield from _settings(words[0], typed, begin, catalog)
        return
    # Without the word at the cursor, which would be taken for an alias.
    scope = Scope(text[whole.start : begin] + text[len(before) : whole.end], catalog)
    if "." in typed:
        yield from _after_dot(typed, begin, {**scope.inner, **scope.tables}, catalog)
        return
    if bool(words) and (words[-1] in BEFORE_TABLE or _is_after_table_comma(before, earlier)):
        yield from _tables(typed, begin, scope, catalog)
        return
    if words and words[-1] == "on":
        yield from _conditions(typed, begin, scope.tables)
    if not typed and not requested:
        return
    yield from _expressions(before, statement, typed, begin, scope, catalog)


_SCOPES = frozenset(("global", "session", "local"))


def _settings(first: str, typed: str, begin: int, catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """DuckDB's settings; after SET those of the shell first, after PRAGMA its functions."""
    if first == "set":
        yield from with_prefix(SESSION_SETTINGS, typed, begin, "of the shell")
    if first == "pragma":
        yield from with_prefix(catalog.pragmas, typed, begin, "pragma")
    for name in _matching(catalog.settings, typed):
        yield Suggestion(name, begin, catalog.settings[name][:24] or "setting")


def _tables(typed: str, begin: int, scope: Scope, catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """Tables of the catalog, and queries of WITH."""
    tables = sorted((table for key, table in catalog.tables.items() if "." not in key), key=_system_tables_last)
    yield from with_prefix(scope.with_queries, typed, begin, "with")
    for name in _matching((table.name for table in tables), typed):
        yield _named(name, begin, "table", catalog)


def _conditions(typed: str, begin: int, in_use: Mapping[str, Table]) -> Iterator[Suggestion]:
    """Conditions of a join on columns that two tables share."""
    names = list(in_use)
    for left, right in reversed(list(combinations(names, 2))):
        if right != names[-1]:
            continue
        theirs = {column.name.lower() for column in in_use[right].columns}
        for column in in_use[left].columns:
            if column.name.lower() in theirs and not column.name.startswith("_"):
                both = f"{_plain(left)}.{_plain(column.name)} = {_plain(right)}.{_plain(column.name)}"
                if match_rank(both, typed) is not None:
                    yield Suggestion(both, begin, "join")


def _plain(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else quoted(name)


def _expressions(
    before: str, statement: Statement, typed: str, begin: int, scope: Scope, catalog: CompletionCatalog
) -> Iterator[Suggestion]:
    """Columns, tables in use, keywords that can follow, functions, and other keywords."""
    lowered = typed.lower().strip('"')
    named = [*scope.tables.values(), *scope.inner.values()]
    if not named and lowered:
        # In front of FROM the table is not known: the columns of the queries of WITH, and of all collections.
        collections = [catalog.tables[one.lower()] for one in catalog.collections if one.lower() in catalog.tables]
        named = [*scope.with_queries.values(), *collections]
    kinds = {column.name: column.type for table in dict.fromkeys(named) for column in table.columns}
    close = [name for name in kinds if name.lower().startswith(lowered)]
    others = [name for name in _matching(kinds, lowered) if name not in close] if lowered else []
    for name in close:
        yield _named(name, begin, _short_type(kinds[name]), catalog)
    if not lowered:
        return
    yield from with_prefix(scope.tables, lowered, begin, "table")
    upper = not typed.islower()
    keywords = [word for word in catalog.keywords if len(word) > 1 and word.startswith(lowered)]
    strong = _following(before[statement.start : begin], keywords, catalog)
    for word in strong:
        yield Suggestion(word.upper() if upper else word, begin, "keyword")
    for name in others:
        yield _named(name, begin, _short_type(kinds[name]), catalog)
    for name in catalog.functions:
        if name.startswith(lowered):
            yield Suggestion(name, begin, catalog.signatures.get(name, "function"))
    for word in keywords:
        if word not in strong:
            yield Suggestion(word.upper() if upper else word, begin, "keyword")


def _following(sql: str, keywords: Sequence[str], catalog: CompletionCatalog) -> list[str]:
    """The keywords that begin a part of a statement and can follow this SQL, as the parser says."""
    tried = [word for word in keywords if word in catalog.reserved or word in _JOINS][:_MOST_TRIED]
    return [word for word in tried if statements.can_begin(f"{sql}{word}")]


def _matching(names: Iterable[str], typed: str) -> list[str]:
    """The names that match what is typed, those that begin with it first."""
    typed = typed.strip('"')
    ranked = [(rank, name) for name in names if (rank := match_rank(name, typed)) is not None]
    return [name for _, name in sorted(ranked, key=lambda one: one[0])]


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


_STEP = re.compile(r'"(?:[^"]|"")*"?|[\w]+|\[[^\[\]]*\]')


def _after_dot(typed: str, begin: int, in_use: Mapping[str, Table], catalog: CompletionCatalog) -> Iterator[Suggestion]:
    """The suggestions after a dot: columns of a table, fields of a column or an element, tables of a schema."""
    before, _, last = typed.rpartition(".")
    start = begin + len(before) + 1
    names = [step.strip('"').lower() for step in _STEP.findall(before)]
    if not names:
        return
    known = {alias.lower(): table for alias, table in in_use.items()}
    columns: Sequence[Column | StructField] = []
    if names[0] in known and (len(names) == 1 or _column(known[names[0]].columns, names[1]) is not None):
        columns, names = list(known[names[0]].columns), names[1:]
    else:
        columns = [column for table in in_use.values() for column in table.columns]
        if _column(columns, names[0]) is None:
            columns = []
    kind = ""
    for name in names:
        if name.startswith("["):
            kind = element_type(kind)
        else:
            column = _column(columns, name)
            kind = column.type if column is not None else ""
        columns = struct_fields(kind)
    kinds = {one.name: one.type for one in columns}
    for name in _matching(kinds, last) if last else kinds:
        yield _named(name, start, _short_type(kinds[name]), catalog)
    if not columns:
        schema = ".".join(names)
        tables = [
            table.name
            for table in dict.fromkeys(catalog.tables.values())
            if table.schema == schema or table.schema.endswith("." + schema) or table.schema == f"{schema}.main"
        ]
        for name in _matching(tables, last) if last else tables:
            yield _named(name, start, "table", catalog)


def _column(columns: Iterable[Column | StructField], name: str) -> Column | StructField | None:
    return next((one for one in columns if one.name.lower() == name), None)

"""The names in a statement, so that only the tables that it may read need be there. Pure."""

from __future__ import annotations

import re

from lakebed._cli.language.statements import Statement

_CATALOGUE = re.compile(
    r"duckdb_(?!settings|keywords|memory|secrets|optimizers|types|databases|variables)\w*|pg_\w+|information_schema|"
    r"sqlite_master|sqlite_schema|show_tables\w*|query|query_table"
)
"""Names of what lists tables, or reads those that are only known when it runs."""
_LISTS = frozenset(("tables", "all", "external", "from", ")", ""))
"""What follows SHOW where it lists tables; the empty text is the end."""


def names_in(statement: Statement) -> frozenset[str] | None:
    """The names and texts in a statement's SQL, with their case folded; None when it may read every table, or list
    them.

    The names of all tables that the statement names are among them, and much else.
    """
    words = sql_words(statement)
    if words and words[0].casefold() in ("begin", "start"):
        # A transaction does not see what is made after it has begun.
        return None
    found: set[str] = set()
    for index, word in enumerate(words):
        folded = unquoted(word).casefold()
        if folded in ("show", "describe", "desc"):
            following = words[index + 1].casefold() if index + 1 < len(words) else ""
            if following in _LISTS and (folded == "show" or following in ("", ")")):
                return None
        if folded in ("export", "database") or _CATALOGUE.fullmatch(folded):
            return None
        found.add(folded)
    return frozenset(found)


def sql_words(statement: Statement) -> list[str]:
    """The texts of the tokens of a statement's SQL, without comments."""
    return [
        statement.sql[token.start - statement.start : token.end - statement.start]
        for token in statement.tokens
        if token.kind != "comment"
    ]


def unquoted(word: str) -> str:
    """The name or text that a token stands for."""
    if word[:1] == '"':
        return word.strip('"').replace('""', '"')
    if dollars := re.match(r"\$\w*\$", word):
        return word[len(dollars[0]) : -len(dollars[0])]
    if quoted := re.fullmatch(r"[A-Za-z]?&?'(.*)'", word, re.DOTALL):
        return quoted[1].replace("''", "'")
    return word

"""The names in a statement, so that only the tables that it may read need be there. Pure."""

from __future__ import annotations

from lakebed._cli.language.statements import Statement
from lakebed._sql_names import names_of_words


def names_in(statement: Statement) -> frozenset[str] | None:
    """The names and texts in a statement's SQL, as `names_of_words` has them."""
    return names_of_words(sql_words(statement))


def sql_words(statement: Statement) -> list[str]:
    """The texts of the tokens of a statement's SQL, without comments."""
    return [
        statement.sql[token.start - statement.start : token.end - statement.start]
        for token in statement.tokens
        if token.kind != "comment"
    ]

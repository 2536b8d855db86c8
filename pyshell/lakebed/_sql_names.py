"""The names in SQL, so that only the tables that it may read need be there. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

__all__ = ["names_in_text", "names_of_words", "unquoted"]

_CATALOGUE = re.compile(
    r"duckdb_(?!settings|keywords|memory|secrets|optimizers|types|databases|variables)\w*|pg_\w+|information_schema|"
    r"sqlite_master|sqlite_schema|show_tables\w*|query|query_table"
)
"""Names of what lists tables, or reads those that are only known when it runs."""
_LISTS = frozenset(("tables", "all", "external", "from", ")", ";", ""))
"""What follows SHOW where it lists tables; the empty text is the end."""
_WORD = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | "(?:[^"]|"")*" | '(?:[^']|'')*' | (\$\w*\$).*?\1 | \w+ | [^\w\s]""",
    re.DOTALL | re.VERBOSE,
)


def names_of_words(words: Sequence[str]) -> frozenset[str] | None:
    """The names and texts among the words of a statement, with their case folded; None when it may read every table, or
    list them.

    The names of all tables that the statement names are among them, and much else.
    """
    if words and words[0].casefold() in ("begin", "start"):
        # A transaction does not see what is made after it has begun.
        return None
    found: set[str] = set()
    for index, word in enumerate(words):
        folded = unquoted(word).casefold()
        if folded in ("show", "describe", "desc"):
            following = words[index + 1].casefold() if index + 1 < len(words) else ""
            if following in _LISTS and (folded == "show" or following in ("", ")", ";")):
                return None
        if folded in ("export", "database") or _CATALOGUE.fullmatch(folded):
            return None
        found.add(folded)
    return frozenset(found)


def names_in_text(text: str) -> frozenset[str] | None:
    """The same of a text of statements."""
    words = [found[0] for found in _WORD.finditer(text)]
    words = [word for word in words if not word.startswith(("--", "/*"))]
    begins = any(word == ";" and after.casefold() in ("begin", "start") for word, after in itertools.pairwise(words))
    return None if begins else names_of_words(words)


def unquoted(word: str) -> str:
    """The name or text that a token stands for."""
    if word[:1] == '"':
        return word[1:-1].replace('""', '"')
    if dollars := re.match(r"\$\w*\$", word):
        return word[len(dollars[0]) : -len(dollars[0])]
    if quoted := re.fullmatch(r"[A-Za-z]?&?'(.*)'", word, re.DOTALL):
        return quoted[1].replace("''", "'")
    return word

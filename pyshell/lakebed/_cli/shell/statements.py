"""What a text means to the shell: its statements, whether it is complete, and which verb a misspelt word may mean.
Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache

from lakebed._cli.language.statements import SQL_KEYWORDS, Statement, split, sql_statement
from lakebed._cli.verbs import find_in_shell, in_shell


def _options_of(name: str) -> tuple[str, ...] | None:
    """The options of a verb; None when there is no such verb."""
    verb = find_in_shell(name)
    return verb.options if verb is not None else None


def split_text(text: str) -> Iterator[Statement]:
    """The statements of a text, found one after the other: SQL, pipes, verbs and dot-commands."""
    return split(text, _options_of, dots=True)


@lru_cache(maxsize=4)
def typed(text: str) -> tuple[Statement, ...]:
    """The statements of a text that is typed. Cached: highlighting, completion, Enter and execution use those of one
    text."""
    return tuple(split_text(text))


def is_complete(text: str) -> bool:
    """Whether Enter runs a text: its last statement is terminated, or needs no terminator."""
    found = typed(text)
    if not found or found[-1].terminated:
        return True
    last = found[-1]
    if last.kind == "dot":
        return True
    if last.kind == "verb":
        if last.verb in SQL_KEYWORDS and "\n" in last.text:
            return False
        return all(word.closed for word in last.words)
    # The name of a verb alone is answered, although SQL could begin with it.
    is_verb = find_in_shell(last.text.lower()) is not None
    return last.kind == "sql" and (is_verb or is_misspelt_verb(last) or not can_continue(last))


def is_misspelt_verb(statement: Statement) -> bool:
    """Whether the first word of a statement is one that no SQL statement begins with."""
    first = statement.first_token
    if first is None or first.kind not in ("identifier", "keyword"):
        return False
    word = statement.text[first.start - statement.start : first.end - statement.start]
    return word[0].isalpha() and word.lower() not in SQL_KEYWORDS


def can_begin(sql: str) -> bool:
    """Whether a text can be the beginning of a statement of SQL."""
    return can_continue(sql_statement(sql))


_NEAR = re.compile(r'at or near "(.*?)"', re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def can_continue(statement: Statement) -> bool:
    """Whether more text can make a statement SQL.

    A bracket that closes nothing is put behind the text: DuckDB's parser complains about that bracket only when
    everything before it can be the beginning of a statement.
    """
    expected: list[str] = []
    for token in statement.tokens:
        shown = statement.sql[token.start - statement.start : token.end - statement.start]
        if token.kind in ("string_const", "comment") or shown[:1] == '"':
            if not is_closed(shown, token.kind):
                return True
        elif shown[:1] in _CLOSING and token.kind == "operator":
            expected.append(_CLOSING[shown[0]])
        elif expected and shown[:1] == expected[-1]:
            expected.pop()
    wrong = "]" if expected and expected[-1] == ")" else ")"
    from lakebed._duckdb import duckdb

    try:
        duckdb.extract_statements(f"{statement.sql}\n{wrong}")
    except duckdb.Error as problem:
        near = _NEAR.search(str(problem))
        return near is None or (near[1] == wrong and not _closes_nothing(statement))
    return True


def _closes_nothing(statement: Statement) -> bool:
    """Whether a statement has more closing than opening brackets."""
    depth = 0
    for token in statement.tokens:
        if token.kind == "operator":
            first = statement.sql[token.start - statement.start]
            depth += (first in "([{") - (first in ")]}")
            if depth < 0:
                return True
    return False


def is_closed(shown: str, kind: str) -> bool:
    """Whether a string, a quoted identifier or a comment is closed."""
    if kind == "comment":
        return not shown.startswith("/*") or (shown.endswith("*/") and len(shown) >= 4)
    if shown.startswith("$"):
        tag = shown[: shown.find("$", 1) + 1]
        return len(shown) >= 2 * len(tag) and shown.endswith(tag)
    quote = '"' if kind == "identifier" else "'"
    body = shown.replace("\\'", "") if shown[:1] in "eE" and kind == "string_const" else shown
    return body.count(quote) % 2 == 0


def similar_verb(name: str) -> str | None:
    """The verb, or the first word of SQL, that is most similar to a word."""
    aliases = [alias for verb in in_shell().values() for alias in verb.aliases]
    found = difflib.get_close_matches(name.lower(), [*in_shell(), *aliases, *SQL_KEYWORDS], n=1)
    return found[0] if found else None


def unknown_verb_message(text: str) -> str:
    """The error for a statement whose first word is neither a verb nor SQL."""
    word = text.split(maxsplit=1)[0].rstrip(";")
    similar = similar_verb(word)
    hint = f"did you mean {similar!r}?" if similar else "help; lists the verbs."
    return f"There is no verb {word!r}, and no SQL statement begins with that word; {hint}"

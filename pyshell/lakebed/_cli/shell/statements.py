"""What a text means to the shell: its statements, whether it is complete, and which verb a misspelt word may mean.
Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import lru_cache

from lakebed._cli.language.statements import SQL_KEYWORDS, Statement, split
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
        return last.verb not in SQL_KEYWORDS and all(word.closed for word in last.words)
    return last.kind == "sql" and is_misspelt_verb(last)


def is_misspelt_verb(statement: Statement) -> bool:
    """Whether the first word of a statement is one that no SQL statement begins with."""
    first = statement.first_token
    if first is None or first.kind != "identifier":
        return False
    return statement.text[first.start - statement.start].isalpha()


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

"""What a text says to the shell, and whether it is finished. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache

from lakebed._cli.pipes.split import STARTERS, Piece, split
from lakebed._cli.pipes.tokens import tokens
from lakebed._cli.shell.dots import DOTS
from lakebed._cli.verbs import SHELL_VERBS, VERBS, Verb

ALIASES = {"exit": "quit"}
SERVER_VERBS = frozenset(("models", "prompt", "pull"))
"""The verbs, on their own and in pipes, that talk to a model server."""


@cache
def verbs() -> dict[str, Verb]:
    """The verbs of the shell by name."""
    return {verb.name: verb for verb in (*VERBS, *SHELL_VERBS) if verb.in_shell}


def find(name: str) -> Verb | None:
    """The verb of this name."""
    return verbs().get(ALIASES.get(name, name))


def options_of(name: str) -> tuple[str, ...] | None:
    """The options of a verb, None where there is no such verb."""
    verb = find(name)
    if verb is None:
        return None
    own = tuple(option for argument in verb.arguments for option in argument.options)
    return (*own, "--json", "--help") if verb.json else (*own, "--help")


def pieces(text: str) -> Iterator[Piece]:
    """The statements of a text."""
    return split(text, options_of, dots=True)


def is_finished(text: str) -> bool:
    """Whether Enter runs the text: its last statement is ended, or needs no end."""
    last = next(reversed(list(pieces(text))), None)
    if last is None or last.terminated:
        return True
    if last.kind == "dot":
        return True
    if last.kind == "verb":
        return last.verb not in STARTERS and all(word.closed for word in last.words)
    return last.kind == "sql" and starts_no_sql(last.text)


def starts_no_sql(text: str) -> bool:
    """Whether the first word is one that no statement of SQL begins with: a verb misspelt."""
    first = next((token for token in tokens(text) if token.kind != "comment"), None)
    return first is not None and first.kind == "identifier" and text[first.start].isalpha()


def near(name: str) -> str | None:
    """The verb, or the beginning of SQL, that a misspelt word may mean."""
    found = difflib.get_close_matches(name.lower(), [*verbs(), *ALIASES, *STARTERS], n=1)
    return found[0] if found else None


def no_such_verb(text: str) -> str:
    """What to say of a statement that begins like none."""
    word = text.split(maxsplit=1)[0].rstrip(";")
    meant = near(word)
    hint = f"did you mean {meant!r}?" if meant else "help; lists the verbs."
    return f"There is no verb {word!r}, and no statement of SQL begins so; {hint}"


def no_such_dot(name: str) -> str:
    """What to say of an unknown dot-command."""
    several = [f".{known}" for known in DOTS if known.startswith(name)]
    if several:
        return f".{name} is the beginning of {' and '.join(several)}: type more of it."
    found = difflib.get_close_matches(name, DOTS, n=1)
    return f"There is no command .{name}; " + (f"did you mean .{found[0]}?" if found else ".help lists what there is.")

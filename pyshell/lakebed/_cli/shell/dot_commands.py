"""DuckDB's dot-commands and psql's backslash commands, translated into statements of the shell. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lakebed._cli.language.words import quote

_FORMATS = {"duckbox": "table", "box": "table", "line": "vertical", "jsonlines": "ndjson", "column": "table"}
"""The formats of the shell for those modes of DuckDB's that have another name."""


class Command(NamedTuple):
    """A command under a name that is not the shell's."""

    verb: str
    """The verb that it stands for, whose arguments it takes; empty for SQL."""
    translate: Callable[[Sequence[str]], str]
    """The statement, from the words of the command."""
    given: int = 0
    """The number of arguments of the verb that the command gives."""


def _verb(name: str, *before: str) -> Command:
    return Command(name, lambda words: " ".join([name, *before, *map(quote, words)]), len(before))


def _sql(text: str) -> Command:
    return Command("", lambda _words: text)


def _mode(words: Sequence[str]) -> str:
    return " ".join(["format", *(_FORMATS.get(word, word) for word in words)])


_DATABASES = (
    "SELECT database_name AS name, path, type, readonly FROM duckdb_databases() WHERE NOT internal ORDER BY ALL"
)
_SHORT = Command("describe", lambda words: " ".join(["describe", *map(quote, words)]) if words else "tables")
_LONG = Command("describe", lambda words: " ".join(["describe", *map(quote, words)]) if words else "tables --columns")

DOT_COMMANDS: dict[str, Command] = {
    "databases": _sql(_DATABASES),
    "edit": _verb("edit"),
    "exit": _verb("quit"),
    "headers": _verb("set", "headers"),
    "help": _verb("help"),
    "last": _verb("last"),
    "maxrows": _verb("set", "rows"),
    "mode": Command("format", _mode),
    "nullvalue": _verb("set", "null"),
    "once": _verb("once"),
    "output": _verb("output"),
    "quit": _verb("quit"),
    "read": _verb("read"),
    "schema": _LONG,
    "shell": _verb("shell"),
    "show": _verb("set"),
    "system": _verb("shell"),
    "tables": _verb("tables"),
    "timer": _verb("timing"),
}
"""DuckDB's commands, by name."""

PSQL_COMMANDS: dict[str, Command] = {
    "!": _verb("shell"),
    "?": _verb("help"),
    "d": _SHORT,
    "d+": _LONG,
    "dt": _verb("tables"),
    "dv": _verb("tables"),
    "e": _verb("edit"),
    "h": _verb("help"),
    "i": _verb("read"),
    "l": _sql(_DATABASES),
    "o": _verb("output"),
    "pset": _verb("set"),
    "q": _verb("quit"),
    "s": _verb("history"),
    "timing": Command("timing", lambda words: " ".join(["timing", *map(quote, words or ["toggle"])])),
    "watch": _verb("watch"),
    "x": Command(
        "format", lambda words: {"on": "format vertical", "off": "format auto"}.get("".join(words), "format toggle")
    ),
}
"""psql's commands, by name."""


def found(name: str) -> Command | None:
    """The command that is typed as `name`, such as `.tables`, `.tab`, `\\d`, `?` or `!`; None when there is none,
    and when several begin like that."""
    known, rest = _known(name)
    if rest in known:
        return known[rest]
    several = [one for one in known if one.startswith(rest)] if name.startswith(".") else []
    return known[several[0]] if len(several) == 1 else None


def _known(name: str) -> tuple[Mapping[str, Command], str]:
    """The commands of the kind of `name`, and the name without its mark."""
    return (DOT_COMMANDS, name[1:]) if name.startswith(".") else (PSQL_COMMANDS, name.removeprefix("\\"))


def unknown_command_message(name: str) -> str:
    """The error for a name that is neither a command nor the unique prefix of one."""
    known, rest = _known(name)
    mark = name[: len(name) - len(rest)]
    several = [f"{mark}{one}" for one in known if rest and one.startswith(rest)]
    if several and mark == ".":
        return f"{name} is the beginning of {' and '.join(several)}: type more of it."
    similar = difflib.get_close_matches(rest, known, n=1)
    hint = f"did you mean {mark}{similar[0]}?" if similar else "help lists what there is."
    return f"There is no command {name}; {hint}"

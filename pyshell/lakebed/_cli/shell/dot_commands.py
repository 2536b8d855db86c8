"""DuckDB's dot-commands, translated into statements of the shell. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from lakebed._cli.language.words import quote
from lakebed.duck.names import literal, quoted

_FORMATS = {"duckbox": "table", "box": "table", "line": "vertical", "jsonlines": "ndjson", "column": "table"}
"""The formats of the shell for those modes of DuckDB's that have another name."""
_TABLES_SQL = (
    "SELECT database, schema, name, {} FROM (SHOW ALL TABLES) "
    "WHERE name <> 'lakebed' AND schema NOT IN ('behind', 'glance') AND name LIKE {} ORDER BY ALL"
)


def _tables(words: Sequence[str]) -> str:
    return _TABLES_SQL.format("len(column_names) AS columns", literal(words[0] if words else "%"))


def _schema(words: Sequence[str]) -> str:
    if words:
        return f"DESCRIBE {quoted(words[0])}"
    return _TABLES_SQL.format("array_to_string(column_names, ', ') AS columns", literal("%"))


def _verb(name: str) -> Callable[[Sequence[str]], str]:
    return lambda words: " ".join([name, *map(quote, words)])


DOT_COMMANDS: dict[str, Callable[[Sequence[str]], str]] = {
    "edit": _verb("edit"),
    "exit": _verb("quit"),
    "help": _verb("help"),
    "last": _verb("last"),
    "mode": lambda words: " ".join(["format", *(_FORMATS.get(word, word) for word in words)]),
    "output": _verb("output"),
    "quit": _verb("quit"),
    "read": _verb("read"),
    "schema": _schema,
    "tables": _tables,
    "timer": _verb("timing"),
}
"""By name, the function that turns the words of a dot-command into a statement."""


def translated(name: str, words: Sequence[str]) -> str | None:
    """The statement that a dot-command stands for; None unless `name` is a name or the unique prefix of one."""
    found = [name] if name in DOT_COMMANDS else [known for known in DOT_COMMANDS if known.startswith(name)]
    return DOT_COMMANDS[found[0]](words) if len(found) == 1 else None


def unknown_command_message(name: str) -> str:
    """The error for a name that is neither a dot-command nor the unique prefix of one."""
    several = [f".{known}" for known in DOT_COMMANDS if known.startswith(name)]
    if several:
        return f".{name} is the beginning of {' and '.join(several)}: type more of it."
    similar = difflib.get_close_matches(name, DOT_COMMANDS, n=1)
    hint = f"did you mean .{similar[0]}?" if similar else ".help lists what there is."
    return f"There is no command .{name}; {hint}"

"""DuckDB's dot-commands that people's fingers know, each said in the shell's own words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lakebed._cli.pipes.words import quote
from lakebed.duck.names import literal, quoted

_MODES = {"duckbox": "table", "box": "table", "line": "vertical", "jsonlines": "ndjson", "column": "table"}
_TABLES = (
    "SELECT database, schema, name, {} FROM (SHOW ALL TABLES) "
    "WHERE name <> 'lakebed' AND schema NOT IN ('behind', 'glance') AND name LIKE {} ORDER BY ALL"
)


def _tables(words: Sequence[str]) -> str:
    return _TABLES.format("len(column_names) AS columns", literal(words[0] if words else "%"))


def _schema(words: Sequence[str]) -> str:
    if words:
        return f"DESCRIBE {quoted(words[0])}"
    return _TABLES.format("array_to_string(column_names, ', ') AS columns", literal("%"))


def _verb(name: str) -> Callable[[Sequence[str]], str]:
    return lambda words: " ".join([name, *map(quote, words)])


DOTS: dict[str, Callable[[Sequence[str]], str]] = {
    "edit": _verb("edit"),
    "exit": _verb("quit"),
    "help": _verb("help"),
    "last": _verb("last"),
    "mode": lambda words: " ".join(["format", *(_MODES.get(word, word) for word in words)]),
    "output": _verb("output"),
    "quit": _verb("quit"),
    "read": _verb("read"),
    "schema": _schema,
    "tables": _tables,
    "timer": _verb("timing"),
}
"""By name: what its words say."""


def statement(name: str, words: Sequence[str]) -> str | None:
    """The statement that a dot-command stands for; any unique beginning of its name will do."""
    found = [DOTS[name]] if name in DOTS else [say for known, say in DOTS.items() if known.startswith(name)]
    return found[0](words) if len(found) == 1 else None

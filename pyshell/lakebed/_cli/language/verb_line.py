"""Whether a line is one of the verbs whose name is the first word of SQL statements, too. Pure."""

from __future__ import annotations

import re

from lakebed._cli.verbs.formats import SESSION_SETTINGS

_WORD = re.compile(r"[ \t]+([^\s;]+)")
_ONE_NAME = re.compile(r"""[ \t]+(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^\s;"'()])+[ \t]*(?=;|\n|\Z|--)""")
_IN_SQL: dict[str, frozenset[str]] = {
    "call": frozenset(),
    "delete": frozenset(("from",)),
    "describe": frozenset("all from select show summarize table values with".split()),
    "drop": frozenset(
        "aggregate collation database function index macro persistent schema secret sequence table temp temporary "
        "trigger type view".split()
    ),
    "export": frozenset(("database",)),
    "set": frozenset(),
}
"""By name: the words that follow it in SQL."""


def is_verb(text: str, end: int, name: str) -> bool:
    """Whether the line with the word `name`, which ends at `end`, is that verb and no SQL, as its next word says."""
    found = _WORD.match(text, end)
    if name not in _IN_SQL or found is None:
        return False
    following = found[1].lower()
    if name == "set":
        return following.partition("=")[0] in SESSION_SETTINGS
    if name == "call":
        return "(" not in following
    if name == "describe":
        return following not in _IN_SQL[name] and _ONE_NAME.match(text, end) is not None
    return following not in _IN_SQL[name] and not following.startswith(("--", "/*"))

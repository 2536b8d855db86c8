"""Whether a line is one of the verbs whose name is the first word of SQL statements, too. Pure."""

from __future__ import annotations

import re
from typing import Literal

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


_CALL = re.compile(r"[ \t]+[\w.]+\s*\(")
_END_OF_LINE = re.compile(r"[ \t]*(?:\n|\Z)")
_WITHOUT_WORDS = frozenset(("call", "set"))
"""The verbs that are complete without another word."""


def reading(text: str, end: int, name: str) -> Literal["verb", "sql", ""]:
    """Whether the line with the word `name`, which ends at `end`, is that verb or SQL, as its next words say; empty
    where they do not."""
    if name not in _IN_SQL:
        return ""
    if name in _WITHOUT_WORDS and _END_OF_LINE.match(text, end):
        return "verb"
    found = _WORD.match(text, end)
    if found is None:
        return ""
    following = found[1].lower()
    if name == "set":
        return "verb" if following.partition("=")[0] in SESSION_SETTINGS else "sql"
    if name == "call":
        return "sql" if _CALL.match(text, end) else "verb"
    if following in _IN_SQL[name]:
        return "sql"
    if following.startswith(("--", "/*")) or (name == "describe" and _ONE_NAME.match(text, end) is None):
        return ""
    return "verb"

"""Parameters in SQL, `$name` and `$1`, and the text with values in their places. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lakebed._cli.language.tokens import tokens
from lakebed._sql_text import literal

_PARAMETER = re.compile(r"\$(\w+)")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def parameters_of(text: str) -> list[str]:
    """The names of the parameters of a text, in order, each once."""
    return list(dict.fromkeys(name for _, _, name in _found(text)))


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text with the value of each parameter in its place: a number as it is, anything else as an SQL string."""
    parts: list[str] = []
    at = 0
    for start, end, name in _found(text):
        value = values[name]
        parts += [text[at:start], value if _NUMBER.fullmatch(value) else literal(value)]
        at = end
    return "".join(parts) + text[at:]


def _found(text: str) -> list[tuple[int, int, str]]:
    """The places and the names of the parameters; what is in strings and comments is none."""
    taken = [(token.start, token.end) for token in tokens(text) if token.kind in ("string_const", "comment")]
    taken += [(token.start, token.end) for token in tokens(text) if text[token.start] == '"']
    return [
        (found.start(), found.end(), found[1])
        for found in _PARAMETER.finditer(text)
        if not any(start <= found.start() < end for start, end in taken)
        and (found.start() == 0 or not re.match(r"[\w$]", text[found.start() - 1]))
    ]

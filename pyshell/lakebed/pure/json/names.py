"""Names of columns: docs/types.md, "Columns and their names"."""

from __future__ import annotations

import re
from typing import NamedTuple

from lakebed.pure.json.settings import Named, Settings, named_key
from lakebed.pure.json.types import lower

__all__ = ["SYSTEM_COLUMNS", "Names", "names_of", "plain_name", "shown_key"]

SYSTEM_COLUMNS = ("_seq", "_hash", "_file", "_line", "_ingested_at", "_json")
"""The columns that every collection has besides those of its records."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Name(NamedTuple):
    """The name of a column, and a note where it is not its key."""

    name: str
    note: str | None


class Names:
    """The names given so far."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.of_keys: list[Name] = []
        self._taken = {lower(name) for name in (*SYSTEM_COLUMNS, *settings.names.values())}

    def take(self, name: str) -> bool:
        """Takes a name, if it is free; whether it was."""
        folded = lower(name)
        if folded in self._taken:
            return False
        self._taken.add(folded)
        return True

    def free(self, base: str) -> str:
        """`base`, or with the first number that makes it free."""
        name, number = base, 0
        while not self.take(name):
            number += 1
            name = f"{base}_{number}"
        return name

    def other(self, named: Named, base: str) -> str:
        """The fixed name of such a column, or `base`, or that with the first number that makes it free."""
        return self._settings.names.get(named) or self.free(base)


def names_of(keys: list[tuple[str, int]], settings: Settings) -> Names:
    """The names of the columns of keys, each with the number of rows that have it."""
    names = Names(settings)
    own: dict[int, str] = {}
    for place, (key, _) in sorted(enumerate(keys), key=lambda item: -item[1][1]):
        fixed = settings.names.get(named_key(key))
        if fixed is not None:
            own[place] = fixed
        elif is_plain(key) and names.take(key):
            own[place] = key
    for place, (key, _) in enumerate(keys):
        shown = shown_key(key)
        name = own[place] if place in own else names.free(shown or "empty_key")
        names.of_keys.append(Name(name, None if name == key else f'renamed from "{shown}"'))
    return names


def is_plain(key: str) -> bool:
    """Whether the key can be a name: not empty, without U+0000 and lone surrogates."""
    return bool(key) and "\0" not in key and not _SURROGATE.search(key)


def plain_name(key: str) -> str | None:
    """The key as a name, where it is one."""
    return key if is_plain(key) else None


def shown_key(key: str) -> str:
    """The key for display: lone surrogates as escapes, U+0000 as its symbol."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", key).replace("\0", "\u2400")

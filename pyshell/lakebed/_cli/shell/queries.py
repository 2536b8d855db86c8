"""Queries kept under names, each a file in the user's own directory of settings. Never in a store: nothing in a store is executed."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from lakebed.errors import InvalidArgument

_NAME = re.compile(r"[\w-]{1,80}")


class Queries:
    """A directory of `NAME.sql`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        """The names there are."""
        return sorted(path.stem for path in self.directory.glob("*.sql"))

    def save(self, name: str, statement: str) -> Path:
        """Keeps a statement under a name, in place of an older one."""
        path = self._path(name)
        self.directory.mkdir(parents=True, exist_ok=True)
        path.write_text(statement.rstrip().rstrip(";") + ";\n", encoding="utf-8")
        return path

    def load(self, name: str) -> str:
        """The statement of this name."""
        try:
            return self._path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            found = difflib.get_close_matches(name, self.names(), n=1)
            hint = f"did you mean {found[0]!r}?" if found else f"save {name}; keeps the last query under this name."
            message = f"There is no saved query {name!r}; {hint}"
            raise InvalidArgument(message) from None

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            message = f"A saved query cannot be named {name!r}: use letters, digits, - and _."
            raise InvalidArgument(message)
        return self.directory / f"{name}.sql"

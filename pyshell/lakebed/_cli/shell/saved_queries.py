"""Saved queries: files in the user's settings directory. Never in a store: nothing in a store is executed."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from lakebed._files import written_whole
from lakebed.errors import InvalidArgument

_NAME = re.compile(r"[\w-]{1,80}")


class SavedQueries:
    """A directory of files `NAME.sql`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        """The names of the saved queries, sorted."""
        return sorted(path.stem for path in self.directory.glob("*.sql"))

    def save(self, name: str, statement: str) -> Path:
        """Saves a statement under a name, in place of an older one; its file.

        Raises `InvalidArgument` for a name that is not valid.
        """
        path = self._path(name)
        self.directory.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as place:
            place.write_text(statement.rstrip().rstrip(";") + ";\n", encoding="utf-8")
        return path

    def load(self, name: str) -> str:
        """The statement saved under a name.

        Raises `InvalidArgument` when there is none.
        """
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

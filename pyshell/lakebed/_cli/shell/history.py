"""The history of typed statements: NDJSON in a file that only its owner can read, in SQL the table `history`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_READ_BYTES = 1 << 20
"""Bytes at the end of the file that are read."""


class Entry(NamedTuple):
    """A typed statement."""

    at: str
    """The time in UTC, as text that DuckDB reads."""
    store: str
    """The path of the store."""
    statement: str


def history_file(environ: Mapping[str, str]) -> Path:
    """The file of the history: `$LAKEBED_HISTORY`, else `history.ndjson` in the platform's directory for state."""
    if environ.get("LAKEBED_HISTORY"):
        return Path(environ["LAKEBED_HISTORY"])
    from platformdirs import user_state_path

    return user_state_path("lakebed", appauthor=False) / "history.ndjson"


class History:
    """The file of the history. Where it cannot be read or written, there is no history, and no error."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self._store = store
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            os.fchmod(self._descriptor, 0o600)
        except OSError:
            self._descriptor = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a file that can be written."""
        return self._descriptor is not None

    def add(self, statement: str) -> None:
        """Adds a statement, unless it begins with white space."""
        if self._descriptor is None or not statement.strip() or statement[0].isspace():
            return
        entry = Entry(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S+00"), self._store, statement)
        line = json.dumps(entry._asdict(), ensure_ascii=True) + "\n"
        try:
            # One write for each line: several shells share the file.
            os.write(self._descriptor, line.encode())
        except OSError:
            self._descriptor = None

    def entries(self) -> list[Entry]:
        """The newest statements, oldest first."""
        if self._descriptor is None:
            return []
        try:
            size = os.fstat(self._descriptor).st_size
            data = os.pread(self._descriptor, _READ_BYTES, max(size - _READ_BYTES, 0))
        except OSError:
            return []
        lines = data.splitlines()
        return [entry for line in (lines if size <= _READ_BYTES else lines[1:]) if (entry := _entry(line)) is not None]

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        return Entry(str(found["at"]), str(found["store"]), str(found["statement"]))
    except (ValueError, KeyError, TypeError):
        return None

"""The statements that were typed: one JSON object a line in a file that only its owner reads, which SQL sees as the table `history`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_READ = 1 << 20
"""Bytes from the end of the file that are looked at."""


class Entry(NamedTuple):
    """A statement and when it was typed."""

    at: str
    store: str
    statement: str


def history_file(environ: Mapping[str, str]) -> Path:
    """`$LAKEBED_HISTORY`, or `history.ndjson` in the directory that the platform has for such things."""
    if environ.get("LAKEBED_HISTORY"):
        return Path(environ["LAKEBED_HISTORY"])
    from platformdirs import user_state_path

    return user_state_path("lakebed", appauthor=False) / "history.ndjson"


class History:
    """The file of statements. What cannot be read or written is passed over: a shell without a history is a shell."""

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
        """Whether there is a file."""
        return self._descriptor is not None

    def add(self, statement: str) -> None:
        """Keeps a statement, unless it begins with a space."""
        if self._descriptor is None or not statement.strip() or statement[0].isspace():
            return
        entry = Entry(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S+00"), self._store, statement)
        line = json.dumps(entry._asdict(), ensure_ascii=True) + "\n"
        try:
            # One write: several shells share the file.
            os.write(self._descriptor, line.encode())
        except OSError:
            self._descriptor = None

    def entries(self) -> list[Entry]:
        """The newest statements, oldest first."""
        if self._descriptor is None:
            return []
        try:
            size = os.fstat(self._descriptor).st_size
            data = os.pread(self._descriptor, _READ, max(size - _READ, 0))
        except OSError:
            return []
        lines = data.splitlines()
        return [entry for line in (lines if size <= _READ else lines[1:]) if (entry := _entry(line)) is not None]

    def close(self) -> None:
        """Lets the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        return Entry(str(found["at"]), str(found["store"]), str(found["statement"]))
    except (ValueError, KeyError, TypeError):
        return None

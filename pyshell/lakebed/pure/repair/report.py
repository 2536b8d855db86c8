"""The report of a repair, and how far it is."""

from __future__ import annotations

import time
from typing import Any

from lakebed._progress import EngineProgress

__all__ = ["Meter", "Report", "Sequence"]

Sequence = tuple[int, int]
"""The first and the last of neighbouring numbers."""

_REPORT_BYTES = 8 << 20
"""Bytes read between two calls of the progress function."""


class Report:
    """What is wrong, what is done about it, and what is lost: the fields of `lakebed.RepairReport`."""

    def __init__(self, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.begin_again()

    def begin_again(self) -> None:
        """Forget what was told."""
        self.problems: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.losses: list[dict[str, Any]] = []
        self.set_aside: list[str] = []
        self.notes: list[str] = []
        self.commit = self.segments = self.blobs = self.rows = self.lost_rows = 0

    def problem(self, kind: str, segment: int | None, offset: int | None, message: str) -> None:
        """Something is wrong; `kind` is one of those of `verify`."""
        self.problems.append({"kind": kind, "segment": segment, "offset": offset, "message": message})

    def act(self, kind: str, target: str, message: str) -> None:
        """A step of the repair. `target`: the file that it concerns, or a collection's name."""
        self.actions.append({"kind": kind, "target": target, "message": message})

    def lose(
        self,
        kind: str,
        message: str,
        *,
        collection: str | None = None,
        rows: Sequence | None = None,
        commits: Sequence | None = None,
        segment: int | None = None,
        count: int = 0,
    ) -> None:
        """Something that cannot be saved. `rows` are sequence numbers."""
        first_seq, last_seq = rows or (None, None)
        first_commit, last_commit = commits or (None, None)
        self.losses.append(
            {
                "kind": kind,
                "collection": collection,
                "first_seq": first_seq,
                "last_seq": last_seq,
                "first_commit": first_commit,
                "last_commit": last_commit,
                "segment": segment,
                "count": count,
                "message": message,
            }
        )

    def fields(self, meter: Meter) -> dict[str, Any]:
        """The fields of `lakebed.RepairReport`."""
        return {
            "dry_run": self.dry_run,
            "problems": tuple(self.problems),
            "actions": tuple(self.actions),
            "losses": tuple(self.losses),
            "set_aside": tuple(self.set_aside),
            "notes": tuple(self.notes),
            "commit": self.commit,
            "segments": self.segments,
            "blobs": self.blobs,
            "rows": self.rows,
            "lost_rows": self.lost_rows,
            "bytes": meter.bytes,
            "seconds": time.monotonic() - meter.begun,
        }


class Meter:
    """Counts the bytes that were read, and tells the caller."""

    def __init__(self, progress: EngineProgress | None, total: int) -> None:
        """`total` bytes are about to be read."""
        self.begun = time.monotonic()
        self.bytes = self.reported = 0
        self._progress = progress
        self._total = total

    def advance(self, count: int) -> None:
        """Bytes were read."""
        self.bytes += count
        if self._progress is not None and self.bytes - self.reported >= _REPORT_BYTES:
            self.reported = self.bytes
            self._progress(self.bytes, max(self._total, self.bytes), 0, time.monotonic() - self.begun)

"""What a run says about itself in `_runs` after its beginning: what it has cost so far, and its end."""

from __future__ import annotations

import dataclasses
import time

from lakebed._records import to_json
from lakebed.prompts import storage
from lakebed.prompts.results import Outcome
from lakebed.prompts.run_status import Counts

__all__ = ["RunRecord"]

_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 1.0, 60.0
"""Seconds between two rows, at least and at most, while the counts change."""
_SHARE = 0.05
"""The interval as a part of the time that the run has taken."""


class RunRecord:
    """Makes the rows of one run. Those in its middle are for the case that it is killed."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._start = self._next = time.monotonic()
        self._last = Counts()

    @property
    def seconds_left(self) -> float:
        """Seconds until the next row is due."""
        return max(0.0, self._next - time.monotonic())

    def progress(self, counts: Counts) -> bytes | None:
        """The row for these counts; None if they are those of the last one."""
        now = time.monotonic()
        self._next = now + min(_LONGEST_INTERVAL, max(_SHORTEST_INTERVAL, _SHARE * (now - self._start)))
        if counts == self._last:
            return None
        self._last = counts
        return self._row("progress", counts)

    def end(self, outcome: Outcome, counts: Counts) -> bytes:
        """The last row."""
        return self._row("end", counts, outcome=outcome)

    def _row(self, event: str, counts: Counts, **more: str) -> bytes:
        row = {"run": self._run, "event": event, "at": storage.timestamp(), **more, **dataclasses.asdict(counts)}
        return to_json(row)

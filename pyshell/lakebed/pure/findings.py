"""What a verification counts and finds wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lakebed.pure.state import State

__all__ = ["Findings"]


class Findings:
    """The problems of a state, and how much of it was read."""

    def __init__(self, state: State, quick: bool, since: int, told: Callable[[dict[str, int]], object]) -> None:
        """`quick`: of frames and records samples are read. `since`: nothing of the commits up to this one. `told` is
        called often with the counts."""
        self.state = state
        self.quick = quick
        self.since = since
        self._told = told
        self.counts = dict.fromkeys(("segments", "commits", "frames", "blobs", "rows", "bytes"), 0)
        self.problems: list[dict[str, Any]] = []

    def problem(self, kind: str, segment: int | None, offset: int | None, message: str) -> None:
        """Something is wrong; the message is half a sentence."""
        self.problems.append({"kind": kind, "segment": segment, "offset": offset, "message": message})

    def tick(self) -> None:
        """Tell how far it is."""
        self._told(self.counts)

"""The progress of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lakebed.prompts.request_cost import RequestCost
from lakebed.prompts.results import FailureReason, RowError

__all__ = ["Counts", "Reasons", "RunStatus"]


@dataclass
class Counts:
    """What a run has counted. `results.PromptReport` documents the fields."""

    rows: int = 0
    asked: int = 0
    new: int = 0
    cached: int = 0
    present: int = 0
    errors: int = 0
    cut: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0

    @property
    def settled(self) -> int:
        """Rows that need nothing more."""
        return self.new + self.cached + self.present + self.errors

    def add_cost(self, cost: RequestCost) -> None:
        """Counts what a request has cost."""
        self.asked += cost.asked
        self.prompt_tokens += cost.prompt_tokens
        self.reply_tokens += cost.reply_tokens

    def stored(self) -> str:
        """A sentence about what is stored."""
        return f"{self.new + self.cached:,} results and {self.new:,} new replies are stored."


class Reasons:
    """Why rows failed."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._messages: dict[str, str] = {}

    def add(self, error: RowError) -> None:
        """Counts the error of a row."""
        self._rows[error.kind] += 1
        self._messages.setdefault(error.kind, error.message)

    def report(self) -> tuple[FailureReason, ...]:
        """The reasons, the commonest first."""
        return tuple(
            FailureReason(kind=kind, rows=rows, message=self._messages[kind]) for kind, rows in self._rows.most_common()
        )


@dataclass(frozen=True)
class RunStatus:
    """The progress of a run."""

    rows: int
    """Rows that need nothing more."""
    total: int | None
    """Input rows, if they were counted."""
    asked: int
    new: int
    cached: int
    present: int
    errors: int
    in_flight: int
    """Requests that are being sent."""
    reply_tokens: int
    tokens_per_second: float
    seconds: float
    """Since the run was created."""
    seconds_left: float | None
    """An estimate; None if the rows were not counted."""
    waiting_for: str = field(default="")
    """Why the run waits for the server; empty if it does not."""

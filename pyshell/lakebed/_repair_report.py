"""The report of `lakebed.repair`."""

from __future__ import annotations

from typing import Literal

from pydantic import computed_field

from lakebed._verify_report import Problem
from lakebed.models import Model

__all__ = ["RepairAction", "RepairLoss", "RepairReport"]


class RepairAction(Model):
    """A step of a repair."""

    kind: Literal[
        "format", "manifest", "rewrite", "merge", "large", "set_aside", "tail", "collection", "pin", "counts", "index"
    ]
    target: str
    """The file that it concerns, by its name in the store; a collection's name."""
    message: str


class RepairLoss(Model):
    """Something that a repair could not save."""

    kind: Literal["rows", "blobs", "dictionary", "commits", "segment", "catalogue", "history"]
    """`rows` of a collection; `blobs` that were put; a `dictionary`; acknowledged `commits`; a whole `segment`; part of
    the `catalogue`: names, schemas, drops; a segment in `aside/` of another `history`, which stays there."""
    collection: str | None
    """The collection of lost rows."""
    first_seq: int | None
    """The sequence number of the first lost row."""
    last_seq: int | None
    """The sequence number of the last lost row."""
    first_commit: int | None
    last_commit: int | None
    segment: int | None
    """The number of the segment that held it, if it is known."""
    count: int
    """How many rows, blobs or commits; 0 where it is not known."""
    message: str


class RepairReport(Model):
    """What `lakebed.repair` found and did, or would do."""

    dry_run: bool
    """Whether nothing was changed."""
    problems: tuple[Problem, ...]
    """What was wrong, as `Store.verify` says it."""
    actions: tuple[RepairAction, ...]
    """What was done about it."""
    losses: tuple[RepairLoss, ...]
    """What could not be saved."""
    set_aside: tuple[str, ...]
    """The files in `aside/` that were made."""
    notes: tuple[str, ...]
    """Warnings of the first writer after the repair."""
    commit: int
    """The last commit afterwards."""
    segments: int
    blobs: int
    rows: int
    lost_rows: int
    bytes: int
    """Bytes read."""
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether nothing was lost."""
        return not self.losses

    @computed_field  # type: ignore[prop-decorator]
    @property
    def clean(self) -> bool:
        """Whether there was nothing to repair."""
        return not self.actions and not self.losses


# Classes print as lakebed.X.
for _name in __all__:
    globals()[_name].__module__ = "lakebed"

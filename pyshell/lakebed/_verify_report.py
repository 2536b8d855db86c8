"""The report of `Store.verify`."""

from __future__ import annotations

from typing import Literal

from lakebed._packages import required
from lakebed.models import Model

with required():
    from pydantic import computed_field

__all__ = ["Problem", "ProblemKind", "VerifyReport"]

ProblemKind = Literal[
    "lost_commits",
    "format",
    "manifest",
    "segment",
    "commit",
    "link",
    "group",
    "index",
    "footer",
    "ordinals",
    "frame",
    "blob",
    "row_batch",
    "rows",
    "row_blob",
    "dictionary",
    "part",
    "index_run",
]
"""Which structure of a store is not as it should be; `docs/durability.md` says what each kind means."""


class Problem(Model):
    """Damage in a store."""

    kind: ProblemKind
    segment: int | None
    """The number of the segment, if it is in one."""
    offset: int | None
    """The offset in the segment, if it is known."""
    message: str


class VerifyReport(Model):
    """What `Store.verify` read, and the damage it found."""

    segments: int
    commits: int
    frames: int
    blobs: int
    rows: int
    bytes: int
    """Bytes read."""
    problems: tuple[Problem, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether there is no damage."""
        return not self.problems


# Classes print as lakebed.X.
for _class in (Problem, VerifyReport):
    _class.__module__ = "lakebed"

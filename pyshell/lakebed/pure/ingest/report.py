"""What an ingest did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lakebed.pure.ingest.lines import LISTED, BadLine

__all__ = ["Report"]


@dataclass
class Report:
    """The fields of `lakebed.models.IngestReport` that an engine gives."""

    collection: str
    file: str
    skipped: bool = False
    same_as: str | None = None
    resumed_after_line: int | None = None
    resumed_from: str | None = None
    unfinished_bytes: int = 0
    minified: int = 0
    replaced: int = 0
    rotations: int = 0
    dry_run: bool = False
    lines: int = 0
    rows: int = 0
    new_blobs: int = 0
    duplicates: int = 0
    bad_lines: int = 0
    first_bad: list[dict[str, Any]] = field(default_factory=list)
    quarantine: str | None = None
    bytes_in: int = 0
    bytes_stored: int = 0
    trained: dict[str, Any] | None = None
    seconds: float = 0.0
    commit: int = 0

    def list_bad(self, bad: list[BadLine], lines_before: int) -> None:
        """Lists the first bad lines; so many lines precede their chunk."""
        for one in bad[: LISTED - len(self.first_bad)]:
            self.first_bad.append({"line": lines_before + one.number + 1, "column": one.column, "reason": one.reason})

    def add(self, later: Report) -> None:
        """Adds what was done with the next file under the name of a followed one."""
        for name in ("lines", "rows", "new_blobs", "duplicates", "bad_lines", "replaced", "bytes_in", "bytes_stored"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.first_bad += later.first_bad[: LISTED - len(self.first_bad)]
        self.quarantine = self.quarantine or later.quarantine
        self.unfinished_bytes = later.unfinished_bytes
        self.trained = self.trained or later.trained
        self.seconds += later.seconds
        self.commit = later.commit

    def as_dict(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

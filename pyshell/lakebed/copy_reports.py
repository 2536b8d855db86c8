"""Reports of backups, restores and copies."""

from __future__ import annotations

from lakebed._packages import required
from lakebed.models import Model

with required():
    from pydantic import computed_field

__all__ = ["BackupReport", "CopiedCollection", "CopyReport", "RestoreReport"]


class BackupReport(Model):
    """What `Store.backup` did."""

    path: str
    """The directory of the new backup."""
    commit: int
    """The last commit that it has."""
    segments: int
    linked_segments: int
    """Of these, those that an earlier backup had."""
    bytes: int
    """Bytes of the segments."""
    copied_bytes: int
    """Of these, those that were copied and verified."""
    removed: tuple[str, ...]
    """Names of earlier backups that were removed."""
    seconds: float


class RestoreReport(Model):
    """What `lakebed.restore` did."""

    path: str
    """The directory of the new store."""
    backup: str
    """The directory of the backup."""
    commit: int
    """The last commit that it has."""
    segments: int
    bytes: int
    """Bytes of the segments."""
    seconds: float


class CopiedCollection(Model):
    """What `Store.copy_to` did with a collection."""

    name: str
    rows: int
    """Rows added."""
    copied_before: int
    """The sequence number up to which earlier calls had copied it."""


class CopyReport(Model):
    """What `Store.copy_to` did."""

    collections: tuple[CopiedCollection, ...]
    rows: int
    """Rows added."""
    new_blobs: int
    """Blobs that the other store did not have."""
    duplicates: int
    """Blobs that it had, or that are there several times."""
    pinned: int
    """Blobs of `put`."""
    bytes: int
    """Bytes of the records and blobs that were read."""
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rows_per_second(self) -> float:
        """Rows added in a second."""
        return self.rows / self.seconds if self.seconds else 0.0


# Classes print as lakebed.X.
for _name in __all__:
    globals()[_name].__module__ = "lakebed"

"""`repair`: makes a damaged store whole again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lakebed import _backend, _progress
from lakebed.store import command_line

if TYPE_CHECKING:
    from lakebed._progress import ProgressLike
    from lakebed._repair_report import RepairReport

__all__ = ["repair"]


def repair(
    path: str | os.PathLike[str],
    *,
    dry_run: bool = False,
    lock_timeout: float = 10.0,
    progress: ProgressLike = None,
) -> RepairReport:
    """Make the store in the directory `path` whole again from what its files hold, and report what is lost.

    - `dry_run`: change nothing, and report what would be done and what is lost.
    - `lock_timeout`: seconds to wait while another process writes.
    - `progress`: as for `Store.ingest`; its bytes are those of segments.

    It takes a path, because a store that needs it may not open; close store objects of it first, and open them again
    afterwards. Manifests, footers, index runs, `FORMAT` and `LOCK` are made again from the segments. Segments that no
    manifest names are taken in, those in `aside/` too. Of a damaged segment, what is whole is written to a new one.
    What is replaced or removed is first in `aside/`, complete and synced: delete that when you do not need it. A repair
    that is stopped can be repeated.

    Nothing is lost silently: `losses` names rows by collection and sequence numbers, and acknowledged commits that are
    missing. Afterwards the store can be written again.

    Raises `StoreNotFound`; `NotAStore` when no file tells the store's identity; `StoreLocked`, `FormatTooNew`,
    `StoreFull`, `StoreIOError`, `Interrupted`.
    """
    from lakebed._repair_report import RepairReport

    with _progress.reporting(progress, "repair") as report:
        found = _backend.current().repair_store(
            os.fsdecode(path), dry_run=dry_run, lock_timeout=lock_timeout, command=command_line(), progress=report
        )
    return RepairReport(**found)


repair.__module__ = "lakebed"

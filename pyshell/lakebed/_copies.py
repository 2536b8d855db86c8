"""Backups, restores, and rows copied to another store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lakebed import _backend, _progress
from lakebed._snapshot import number
from lakebed.errors import Closed, InvalidArgument

if TYPE_CHECKING:
    from lakebed import copy_reports
    from lakebed._backend import StoreEngine
    from lakebed._progress import ProgressLike

__all__ = ["Copying", "restore"]


class Copying:
    """The methods of `lakebed.Store` that copy it."""

    _engine: StoreEngine
    _warning: Callable[..., Any]

    def backup(
        self, dest: str | os.PathLike[str], *, keep: int | None = None, progress: ProgressLike = None
    ) -> copy_reports.BackupReport:
        """Add a backup to the series in the directory `dest`, while others read and write.

        - `keep`: keep so many backups; older ones are removed once the new one is complete and verified. None keeps
          all.
        - `progress`: as for `ingest`; its bytes are those of the store's files.

        `dest` is made if it does not exist, and holds backups of one store, each in a directory named by its time. It
        has everything up to the newest commit; pending changes are committed first. What an earlier backup has is
        linked, the rest is copied, read back and verified. After an error or Ctrl-C the backups there were are as they
        were, and the next call goes on with what was copied. A backup opens like a store, for reading only.

        Raises `InvalidArgument` when `dest` is a store or has backups of another one; `Corrupt` when the store is
        damaged; `StoreFull`, `StoreIOError`, `Interrupted`.
        """
        from lakebed import copy_reports

        if keep is not None:
            keep = number(keep, "keep")
        with _progress.reporting(progress, "backup") as report:
            done = self._warning(self._engine.backup, _path(dest, "backups"), keep, report)
        return copy_reports.BackupReport(**done)

    def copy_to(
        self, other: Copying, collections: str | Sequence[str] | None = None, *, progress: ProgressLike = None
    ) -> copy_reports.CopyReport:
        """Add the rows of a collection, or of several, to another store, each with its file, line and time of ingest.

        None copies all collections, and the blobs of `put`. Blobs that the other store has are not stored again. A new
        collection gets the declared types and the dictionary; files that were ingested here count as ingested there.
        Pending changes of both stores are committed first, and a commit is made at least every 64 MiB.

        The other store records how far each collection of this one, by its uuid, was copied. So a call that was
        interrupted is repeated to go on, and a later one adds what came since. Rows that were removed meanwhile, here
        or there, stay as they are.

        Raises `CollectionNotFound`; `InvalidArgument` when the other store is this one or its copy; `Corrupt`,
        `Interrupted`; as `append` for the other store.
        """
        from lakebed import copy_reports

        if not isinstance(other, Copying):
            raise TypeError(f"copy_to takes an open store, not {type(other).__name__}")
        names = [] if collections is None else [collections] if isinstance(collections, str) else list(collections)
        if collections is not None and not names:
            raise InvalidArgument("No collection was named: None copies all of them.")
        if other._engine.closed:
            raise Closed("The other store is closed; open it again.")
        with _progress.reporting(progress, "copy") as report:
            done = other._warning(self._engine.copy_to, other._engine, names, report)
        return copy_reports.CopyReport(**done)


def restore(
    backup: str | os.PathLike[str], path: str | os.PathLike[str], *, progress: ProgressLike = None
) -> copy_reports.RestoreReport:
    """Make a store in the directory `path`, where there is nothing yet, of a backup.

    `backup` is the directory of one, or one with backups, of which it takes the newest. A store is copied, too. What is
    copied is read back and verified. The new store has a uuid of its own. After an error or Ctrl-C the directory is no
    store; call it again.

    Raises `InvalidArgument` when there is something at `path`; `StoreNotFound`, `NotAStore`, `Corrupt`, `StoreFull`,
    `StoreIOError`, `Interrupted`.
    """
    from lakebed import copy_reports

    with _progress.reporting(progress, "restore") as report:
        done = _backend.current().restore(_path(backup, "a backup"), _path(path, "a store"), report)
    return copy_reports.RestoreReport(**done)


def _path(path: str | os.PathLike[str], of: str) -> str:
    path = os.fspath(path)
    if not path:
        raise InvalidArgument(f"The path of {of} is empty: name a directory.")
    return path

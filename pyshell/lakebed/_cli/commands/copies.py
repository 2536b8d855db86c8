"""`lakebed backup`, `restore` and `copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lakebed._cli import render
from lakebed._cli.environment.context import Context
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import lakebed


def backup(context: Context, places: list[str], keep: int | None) -> None:
    """Adds a backup to the series in a directory.

    Raises `InvalidArgument` for other than one or two places.
    """
    *stores, dest = _several(places, "backup", "[STORE] DEST", 1, 2)
    context.allow_file(dest)
    with _open(context, stores, "r") as store:
        report = store.backup(dest, keep=keep, progress=context.progress)
    count, size = render.count, render.size
    lines = [f"backed up: commit {report.commit}, {count(report.segments, 'segment')}, {size(report.bytes)}"]
    lines.append(f"  {report.path}")
    copied = f"{size(report.copied_bytes)} copied and verified in {report.seconds:.1f} s"
    lines.append(f"  {copied}, {count(report.linked_segments, 'segment')} linked from the backup before")
    if report.removed:
        lines.append(f"  {count(len(report.removed), 'older backup')} removed")
    context.report(report, lines)


def restore(context: Context, places: list[str]) -> None:
    """Makes a store of a backup.

    Raises `InvalidArgument` for other than one or two places.
    """
    import lakebed

    source, *stores = _several(places, "restore", "BACKUP [STORE]", 1, 2)
    context.allow_file(source)
    target = stores[0] if stores else context.settings.store
    report = lakebed.restore(source, target, progress=context.progress)
    read = f"{render.count(report.segments, 'segment')}, {render.size(report.bytes)} in {report.seconds:.1f} s"
    context.report(
        report,
        [f"restored {report.path}: commit {report.commit}, {read}", f"  from {report.backup}, with its own uuid"],
    )


def copy(context: Context, places: list[str]) -> None:
    """Adds the rows of a collection, or of all, to another store.

    Raises `InvalidArgument` for fewer than two stores.
    """
    source, target, *collections = _several(places, "copy", "STORE OTHER [COLLECTION...]", 2, None)
    context.allow_file(target)
    with _open(context, [source], "r") as store, _open(context, [target], "a", create=True) as other:
        report = store.copy_to(other, collections or None, progress=context.progress)
    count = render.count
    lines = [f"copied {count(report.rows, 'row')}: {count(report.new_blobs, 'new blob')}, {report.duplicates} known"]
    for one in report.collections:
        before = f", after the {one.copied_before} copied before" if one.copied_before else ""
        lines.append(f"  {one.name}: {count(one.rows, 'row')}{before}")
    if report.pinned:
        lines.append(f"  {count(report.pinned, 'blob')} of put")
    context.report(report, lines)


def _several(places: list[str], verb: str, usage: str, least: int, most: int | None) -> list[str]:
    if len(places) < least or (most is not None and len(places) > most):
        raise InvalidArgument(f"{verb} takes {usage}, and got {render.count(len(places), 'path')}.")
    return list(places)


def _open(context: Context, paths: list[str], mode: Literal["r", "a"], *, create: bool = False) -> lakebed.Store:
    """The store of this path, else that of the settings."""
    import lakebed

    if not paths:
        return context.open(mode)
    settings = context.settings
    return lakebed.open(
        paths[0], mode, create=create, lock_timeout=settings.lock_timeout, cache_bytes=settings.cache_bytes
    )

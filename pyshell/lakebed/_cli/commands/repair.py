"""`lakebed repair`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.environment.context import Context
from lakebed.errors import Corrupt

if TYPE_CHECKING:
    from lakebed import RepairReport


def repair(context: Context, path: str | None, dry_run: bool) -> int | None:
    """Repairs a store, or says what that would do; the exit code is 6 when something was lost."""
    import lakebed

    settings = context.settings
    if path is None:
        with context.naming_the_store():
            report = lakebed.repair(
                settings.store, dry_run=dry_run, lock_timeout=settings.lock_timeout, progress=context.progress
            )
    else:
        report = lakebed.repair(path, dry_run=dry_run, lock_timeout=settings.lock_timeout, progress=context.progress)
    context.report(report, _lines(report))
    return None if report.ok else Corrupt.exit_code


def _lines(report: RepairReport) -> Iterator[str]:
    """A report in lines for people."""
    count = render.count
    holds = f"{count(report.blobs, 'blob')}, {count(report.rows, 'row')}, commit {report.commit}"
    if report.clean:
        yield f"nothing to repair: {holds}"
    elif report.dry_run:
        yield f"to be repaired; it would hold {holds}"
    else:
        yield f"repaired: {holds}"
    for problem in report.problems:
        place = f"segment {problem.segment}: " if problem.segment is not None else ""
        offset = f" (at offset {problem.offset})" if problem.offset is not None else ""
        yield f"  found: {place}{problem.message}{offset}"
    for action in report.actions:
        yield f"  {'would' if report.dry_run else 'done'}: {action.message}"
    for note in report.notes:
        yield f"  note: {note}"
    for name in report.set_aside:
        yield f"  kept: {name}"
    if report.losses:
        yield f"LOST: {count(report.lost_rows, 'row')}" if report.lost_rows else "LOST:"
        for loss in report.losses:
            yield f"  {loss.message}"
    elif not report.clean:
        yield "nothing was lost" if not report.dry_run else "nothing would be lost"

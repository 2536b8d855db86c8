"""Repair: makes a store whole again from what its files hold, and says what is lost (docs/durability.md).

Everything is read and planned first, without a change; then the plan is carried out. Segments that are whole stay as
they are. Of a damaged one, what is whole is written to a new segment, and one new manifest puts the new segments in the
place of the old ones: until it is there the store is as it was. What is replaced or removed is first in `aside/`,
complete and synced. A repair that is stopped can be started again at any point. From the bottom up:

- `report`: what it tells; `structures`, `salvage`, `salvaged`: what is whole of a damaged segment;
- `survey`: what files there are, and the newest catalogue; `plan`: what becomes of them;
- `chain`: commits after that catalogue; `examine`, `agreement`, `entries`, `losses`: what is damaged, what does not
  agree with the rest, and what is lost with it;
- `apply`: carrying it out.
"""

from __future__ import annotations

import os
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import InvalidArgument, StoreLocked
from lakebed.pure import locks
from lakebed.pure.context import LOCK, Context, Options
from lakebed.pure.damage import interruptible, operating_system
from lakebed.pure.files import Directory
from lakebed.pure.repair.apply import announce, carry_out, foresee, settle
from lakebed.pure.repair.examine import planned
from lakebed.pure.repair.plan import Plan
from lakebed.pure.repair.report import Meter, Report
from lakebed.pure.repair.survey import survey
from lakebed.pure.write.lock import WriterLock
from lakebed.pure.write.recovery import check_writable

__all__ = ["repair_store"]


def repair_store(
    path: str, /, *, dry_run: bool, lock_timeout: float, command: str, progress: EngineProgress | None
) -> dict[str, Any]:
    """Repair a store; `lakebed.repair` documents the arguments and errors. Returns the fields of
    `lakebed.RepairReport`."""
    if not lock_timeout >= 0:
        raise InvalidArgument(f"lock_timeout is seconds, not {lock_timeout}.")
    options = Options("a", lock_timeout, 64 << 20, 64 << 20, 12 << 10, 3, os.cpu_count() or 1, command, mmap=False)
    directory = Directory(path)
    with (
        interruptible(f"Repairing {path} was interrupted: the store is as it was, or repaired. Repair it again."),
        operating_system(f"Repairing {path}"),
    ):
        report = Report(dry_run=dry_run)
        meter = Meter(progress, sum(directory.sizes("segments").values()))
        # A directory that holds no store is not given a file LOCK.
        found = survey(directory, options, Report(dry_run=True))
        # Repaired stores are opened as a writer opens them.
        check_writable(found.context)
        if dry_run:
            _check_not_written(directory)
            foresee(_planned(directory, options, report, meter), report)
            return report.fields(meter)
        before = set(directory.names("aside"))
        lock = WriterLock(found.context)
        try:
            plan = _planned(directory, options, report, meter)
            carry_out(plan, lock, report)
        finally:
            lock.close()
        settle(Context(directory, options), plan.infer, report)
        report.set_aside = [f"aside/{name}" for name in directory.names("aside") if name not in before]
        return report.fields(meter)


def _planned(directory: Directory, options: Options, report: Report, meter: Meter) -> Plan:
    """The plan, and what the report says of it."""
    plan = planned(survey(directory, options, report), report, meter, rewrite_active=False)
    if plan.must_rewrite_active(report):
        # What is lost is noted in the catalogue before the active segment, which may hold rows of its own that name it.
        report.begin_again()
        plan = planned(survey(directory, options, report), report, meter, rewrite_active=True)
    announce(plan, report)
    return plan


def _check_not_written(directory: Directory) -> None:
    """What is planned without the lock must not change meanwhile. Raises `StoreLocked`."""
    try:
        descriptor = directory.open(LOCK)
    except FileNotFoundError:
        return
    try:
        if locks.holder(descriptor) == "writer":
            raise StoreLocked(
                f"{directory.path} is being written by another program; end it, or wait until it has committed, and repair the store "
                "then."
            )
    finally:
        os.close(descriptor)

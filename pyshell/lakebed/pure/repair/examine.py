"""Reading everything for a plan: which segments are whole, and what is whole of the others."""

from __future__ import annotations

from collections.abc import Iterator

from lakebed.errors import Corrupt
from lakebed.pure.files import RUN_SUFFIX, SegmentFile, numbered, run_name
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.repair.agreement import Claims, disagreeing, is_sound
from lakebed.pure.repair.chain import Chain, header_of
from lakebed.pure.repair.entries import check_entries, recover_collections
from lakebed.pure.repair.losses import find_losses
from lakebed.pure.repair.plan import Part, Plan, PlannedState
from lakebed.pure.repair.report import Meter, Report
from lakebed.pure.repair.salvage import salvage
from lakebed.pure.repair.salvaged import SalvagedSegment
from lakebed.pure.repair.survey import Survey
from lakebed.pure.runs import Run, counting_runs
from lakebed.pure.verify import check_active, check_large, check_sealed
from lakebed.pure.verify_rows import difference, unreadable_runs
from lakebed.pure.verify_segment import Ends

__all__ = ["planned"]


def planned(survey: Survey, report: Report, meter: Meter, *, rewrite_active: bool) -> Plan:
    """Read everything. `rewrite_active`: the active segment is written again, whole or not. Raises `FormatTooNew`,
    `StoreIOError`."""
    plan = Plan.of(survey)
    Chain(survey, meter).look().join(plan, report, rewrite_active=rewrite_active)
    check_entries(plan, report)
    _check_segments(plan, report, meter)
    if plan.active is not None and plan.amended:
        # It is damaged, and the plan is made again without it.
        return plan
    _check_large(plan, report, meter)
    state = plan.state()
    for part in plan.parts:
        part.segment.prove(state.decompressor, part.entry.first_id, part.entry.end_id, meter.advance)
    find_losses(plan, report, meter)
    _check_runs(plan, report, meter)
    return plan


def _check_segments(plan: Plan, report: Report, meter: Meter) -> None:
    """Check the sealed segments and the active one; damaged ones become parts."""
    state = plan.state()
    damaged = _dictionary_holders(plan, state)
    for number in sorted(damaged):
        report.problem("dictionary", number, None, "a dictionary in it cannot be read")
    ends: dict[int, Ends] = {}
    for entry in plan.whole:
        if entry.number in damaged:
            continue
        problems, found = check_sealed(state, entry, meter.advance)
        if problems:
            damaged.add(entry.number)
            report.problems += problems
        elif found is not None:
            ends[entry.number] = found
    if plan.active is not None:
        problems, found = check_active(state, meter.advance)
        plan.amended |= bool(problems)
        report.problems += problems
        if found is not None:
            ends[plan.active.segment.number] = found
    claims = Claims()
    others = disagreeing(plan, state, damaged, ends, claims, report)
    plan.amended |= plan.active is not None and plan.active.segment.number in others
    damaged |= others
    broken = [entry for entry in plan.whole if entry.number in damaged]
    plan.whole = [entry for entry in plan.whole if entry.number not in damaged]
    for entry in broken:
        _salvage(plan, entry, report, meter)
    for part in plan.parts:
        part.segment.keep_batches(lambda entry: is_sound(entry, plan.next_blob) and claims.take(entry))


def _dictionary_holders(plan: Plan, state: PlannedState) -> set[int]:
    """The segments of dictionaries that cannot be read: of others that use them nothing can be told."""
    holders: set[int] = set()
    for dictionary in plan.catalogue.dictionaries:
        try:
            state.blob(dictionary.blob)
        except (Corrupt, Malformed):
            holders.update(one.number for one in plan.whole if one.first_id <= dictionary.blob < one.end_id)
    return holders


def _salvage(plan: Plan, entry: SealedSegment, report: Report, meter: Meter) -> None:
    """Take what is whole of a sealed segment that is not."""
    survey, number = plan.survey, entry.number
    if survey.has_files(number):
        plan.gone.add(number)
    for file in _sources(survey, number):
        found = salvage(survey.context, file, number, entry.last_commit, meter.advance)
        if found is None or found.header.number != number or not (found.frames or found.batches):
            continue
        report.act("rewrite", file.name, f"What is whole of segment {number} is written to a new segment.")
        found.keep_commits(entry.first_commit, entry.last_commit)
        recover_collections(plan, found, report)
        segment = SalvagedSegment(survey.context, found)
        plan.parts.append(Part(segment, entry._replace(length=found.length)))
        return
    report.lose(
        "segment",
        f"Nothing of segment {number} can be read; it held commits {entry.first_commit} to {entry.last_commit}.",
        segment=number,
        commits=(entry.first_commit, entry.last_commit),
        count=entry.blobs,
    )
    plan.amended = True


def _sources(survey: Survey, number: int) -> Iterator[SegmentFile]:
    """Files that may hold a segment: the one of its name, one under another's name, one in `aside/`."""
    own = survey.file_of(number)
    if own is not None:
        yield own
    for other in survey.segments:
        if other == number:
            continue
        file = SegmentFile(survey.context.directory, other, mapped=False)
        head = header_of(survey.context, file)
        if head is not None and head.number == number:
            yield file
    yield from (one.file for one in survey.aside if one.header.number == number)


def _check_large(plan: Plan, report: Report, meter: Meter) -> None:
    """Check the large blobs; damaged ones are forgotten."""
    state = plan.state()
    lost = set()
    for entry in sorted(plan.catalogue.large.values(), key=lambda one: one.blob):
        problems = check_large(state, entry, meter.advance)
        if not problems:
            plan.bring_back(entry.segment, report)
            continue
        report.problems += problems
        lost.add(entry.blob)
        if entry.segment in plan.survey.segments:
            plan.gone.add(entry.segment)
    if lost:
        plan.amended = True
        plan.catalogue.large = {blob: one for blob, one in plan.catalogue.large.items() if blob not in lost}
        plan.large = [one for one in plan.large if one.first_id not in lost]


def _check_runs(plan: Plan, report: Report, meter: Meter) -> None:
    """Compare the store-wide runs with the segments. Those of segments that are written again go."""
    context, state = plan.survey.context, plan.state()
    plan.runs += unreadable_runs(context)
    written = {part.entry.number for part in plan.parts}
    counting = counting_runs(context, state.sealed)
    used = {run.head.number for run, _ in counting}
    for number in numbered(context.directory.names("index"), 12, RUN_SUFFIX):
        # Nobody uses it now; with the counts of the segments that are written again somebody may.
        if number not in used and number not in plan.runs and (written or not _is_whole(Run(context, number))):
            plan.runs.append(number)
    for run, covered in counting:
        meter.advance(run.head.length)
        if written.intersection(covered) or _differs(state, run, covered):
            plan.runs.append(run.head.number)
    for number in plan.runs:
        name = run_name(number)
        report.act(
            "index",
            name,
            f"{name} does not list what the segments hold and is removed; the next run is made from the segments.",
        )


def _is_whole(run: Run) -> bool:
    try:
        return sum(1 for _ in run.entries()) == run.head.entries
    except Malformed:
        return False


def _differs(state: PlannedState, run: Run, covered: list[int]) -> bool:
    try:
        return difference(state, run, covered) is not None
    except (Corrupt, Malformed):
        # Damage of the segment.
        return False

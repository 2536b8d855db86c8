"""Carrying a repair out. The order of the steps is what keeps the store whole when it is stopped between two of
them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from lakebed.errors import Interrupted, LakebedError
from lakebed.pure.compact.plan import Examined, Group
from lakebed.pure.compact.rewrite import rewrite, write_segment
from lakebed.pure.context import FORMAT, Context, random_u64
from lakebed.pure.describing import record_inferred
from lakebed.pure.files import manifest_name, part_name, run_name, segment_name
from lakebed.pure.format import header
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.json import whole_description
from lakebed.pure.opening import open_state
from lakebed.pure.repair.plan import Plan, PlannedState, by_blobs
from lakebed.pure.repair.report import Report
from lakebed.pure.write.create import write_store_file
from lakebed.pure.write.index import keep_runs
from lakebed.pure.write.lock import WriterLock
from lakebed.pure.write.manifests import with_catalogue, write_manifest
from lakebed.pure.write.recovery import free_name, keep_copy, remove_manifests
from lakebed.pure.write.writer import Writer

__all__ = ["announce", "carry_out", "foresee", "settle"]

_DAMAGED = "damaged"
"""The extension of copies of damaged files."""


def _to_keep(plan: Plan) -> Iterator[tuple[str, str]]:
    """Files that go to `aside/` and are there, with the stems of their names there."""
    survey = plan.survey
    names = [(segment_name(number), f"{number:012}") for number in sorted(plan.gone)]
    names += [(part_name(*part), f"{part[0]:012}-{part[1]}") for part in _gone_parts(plan)]
    names += [(manifest_name(number), f"manifest-{number}") for number in survey.damaged_manifests]
    if survey.format_lost:
        names.append((FORMAT, FORMAT))
    return ((name, stem) for name, stem in names if survey.context.directory.stat(name) is not None)


def _gone_parts(plan: Plan) -> list[tuple[int, int]]:
    """The parts of segments whose files go."""
    return sorted(part for part in plan.survey.parts if part[0] in plan.gone)


def announce(plan: Plan, report: Report) -> None:
    """Tell what else will be done."""
    for name, _ in _to_keep(plan):
        report.act("set_aside", name, f"A copy of {name}, as it is, goes to aside/.")
    if plan.writes_manifest:
        number = plan.manifest_number
        report.act("manifest", manifest_name(number), f"Manifest {number} is written.")


def foresee(plan: Plan, report: Report) -> None:
    """What the report says of a repair that is not carried out."""
    report.set_aside = [free_name(plan.survey.context, stem, _DAMAGED) for _, stem in _to_keep(plan)]
    plan.totals(report)


def carry_out(plan: Plan, lock: WriterLock, report: Report) -> None:
    """Do what is planned. Raises `StoreLocked`, `StoreFull`, `StoreIOError`: the store is as it was, or repaired;
    repair it again."""
    survey = plan.survey
    context, directory = survey.context, survey.context.directory
    plan.totals(report)
    for name in ("segments", "manifests", "index"):
        directory.make(name)
    directory.sync()
    for name, stem in _to_keep(plan):
        _keep(context, name, stem)
    if survey.format_lost:
        write_store_file(directory, context.store_file)
    for name, number in plan.back:
        directory.rename(name, segment_name(number))
        directory.sync("segments")
        directory.sync("aside")
    if plan.writes_manifest:
        _write(plan)
    context.check_place()
    for number in plan.runs:
        directory.unlink(run_name(number))
    # Only a hint: without it the next writer checks the last commit once more.
    with contextlib.suppress(OSError):
        lock.synced(plan.last_commit)


def _keep(context: Context, name: str, stem: str) -> None:
    """Copy a file to `aside/`, unless there are only zeros in it, or a repair that was stopped has done so. Raises
    `OSError`."""
    directory = context.directory
    data = directory.stored(name)
    if not any(data):
        return
    for known in directory.names("aside"):
        is_copy = known.startswith(f"{stem}-") and known.endswith(f".{_DAMAGED}")
        if is_copy and directory.stored(f"aside/{known}") == data:
            directory.sync(f"aside/{known}", is_file=True)
            directory.sync("aside")
            directory.sync()
            return
    target = free_name(context, stem, _DAMAGED)
    try:
        keep_copy(context, target, data)
    except OSError:
        # An incomplete copy only takes room.
        directory.unlink(target)
        raise


def _write(plan: Plan) -> None:
    """Write the new segments and the manifest that names them, and remove the old files."""
    context, directory = plan.survey.context, plan.survey.context.directory
    manifest = plan.survey.base if plan.active is not None else _rewritten(plan)
    directory.sync("segments")
    context.check_place()
    number = plan.manifest_number
    write_manifest(context, number, manifest)
    context.check_place()
    if not remove_manifests(directory, number):
        # A reader holds an older one, and with it files that it names.
        return
    for segment in sorted(plan.gone):
        # What stays is no part of the store any more.
        directory.unlink(segment_name(segment))
    for part in _gone_parts(plan):
        directory.unlink(part_name(*part))


def _rewritten(plan: Plan) -> Manifest:
    """Write the parts as new segments. Returns the manifest that names them."""
    context, state = plan.survey.context, plan.state()
    parts = sorted(plan.parts, key=lambda part: by_blobs(part.entry))
    number = max(plan.catalogue.next_segment, plan.highest_segment + 1)
    active = number + len(parts)
    segments = list(plan.whole)
    for place, part in enumerate(parts):
        ids = {id for one in part.segment.parts for id in one.ids}
        group = Group([Examined.all_of(part.segment, part.entry, ids)])
        uuid, options = context.store_file.uuid, context.options
        head = Header(header.COMPACTED, header.ROWS, number + place, uuid, random_u64(), part.entry.first_id)
        made = rewrite(state, group, head, [], options.page_bytes, options.level, as_it_is=True)
        entry = SealedSegment(
            number + place,
            header.ROWS,
            0,
            part.entry.first_id,
            part.entry.end_id,
            made.blobs,
            made.rows,
            made.commits[0].number,
            made.commits[-1].number,
            made.raw_bytes,
        )
        # Only the last one knows all: a body that does not name its own segment counts for nothing.
        is_last = place + 1 == len(parts)
        body = _manifest(plan, state, [*segments, entry], active) if is_last else plan.survey.base
        try:
            length = write_segment(context, made, body.body())
        except BaseException:
            context.directory.unlink(segment_name(entry.number))
            raise
        segments.append(entry._replace(length=length))
    return _manifest(plan, state, segments, active)


def _manifest(plan: Plan, state: PlannedState, segments: list[SealedSegment], active: int) -> Manifest:
    """A manifest with these segments."""
    rows = sorted(segments, key=by_blobs)
    known = {one.number: one for one in plan.large}
    large = []
    for blob in sorted(plan.catalogue.large.values(), key=lambda one: one.blob):
        if blob.segment in known:
            large.append(known[blob.segment])
            continue
        # The segment of the group that names it.
        holder = next((one for one in rows if one.first_id <= blob.blob < one.end_id), None)
        first, last = (plan.last_commit,) * 2 if holder is None else (holder.first_commit, holder.last_commit)
        length = state.large_segment(blob.segment).file.length
        large.append(
            SealedSegment(blob.segment, header.LARGE, length, blob.blob, blob.blob + 1, 1, 0, first, last, blob.length)
        )
    manifest = replace(
        plan.survey.base,
        last_commit=plan.last_commit,
        last_seal=plan.seal,
        next_blob=plan.next_blob,
        active=active,
        next_segment=active + 1,
        segments=(*rows, *large),
    )
    return with_catalogue(manifest, plan.catalogue, whole_description)


def settle(context: Context, infer: set[str], report: Report) -> None:
    """Open the repaired store as a writer does: cut off what belongs to no commit, infer types anew, and bring the
    index up to date. `context` was made after the repair. Raises as opening a store and taking its lock do."""
    writer = Writer(context, open_state(context))
    writer.begin()
    try:
        for name in sorted(infer):
            try:
                writer.begin()
                record_inferred(writer, name)
                report.commit = writer.commit()
            except Interrupted:
                raise
            except LakebedError as problem:
                writer.end()
                report.notes.append(
                    f"The types of {name} could not be inferred anew ({problem}); do it with `describe {name} --infer`."
                )
        writer.begin()
        keep_runs(writer.state)
    finally:
        writer.end()
    report.notes += context.warnings

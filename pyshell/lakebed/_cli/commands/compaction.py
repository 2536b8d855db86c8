"""Compaction as the commands report it, and the one that happens by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.environment.context import Context

if TYPE_CHECKING:
    from lakebed.models import CompactReport
    from lakebed.store import Store


def compact_lines(report: CompactReport) -> Iterator[str]:
    """A report in lines for people."""
    count, size = render.count, render.size
    before, after = size(report.bytes_before), size(report.bytes_after)
    if report.rewritten_segments == 0 and report.skipped_segments == 0:
        yield f"nothing to do: {count(report.segments_before, 'segment')}, {before}"
    elif report.dry_run:
        yield f"would go from {before} to about {after}, {count(report.removed_blobs, 'blob')} removed"
        yield f"  {count(report.rewritten_segments, 'segment')} of {size(report.read_bytes)} to be written again"
    else:
        yield f"compacted: {before} -> {after}, {count(report.removed_blobs, 'blob')} removed"
        segments = f"{count(report.segments_before, 'segment')} -> {report.segments_after}"
        yield f"  {segments}, {report.rewritten_segments} written again in {report.seconds:.1f} s"
    yield from (f"  {reason}" for reason in report.stays_rows)
    if report.skipped_segments:
        yield f"  {count(report.skipped_segments, 'segment')} skipped"
    if report.held_bytes:
        yield f"  {size(report.held_bytes)} more go when snapshots and readers of older commits end"
    if report.aside_bytes:
        yield f"  {size(report.aside_bytes)} in the directory aside are left alone: remove what you do not need of it"


def compact_if_due(context: Context, store: Store) -> None:
    """Compacts the store when the settings ask for that and enough of it can go."""
    settings = context.settings
    if settings.compact != "automatic":
        return
    store.commit()
    foreseen = store.compact(dry_run=True)
    if foreseen.freed_bytes < max(settings.compact_bytes, settings.compact_share * foreseen.bytes_before, 1):
        return
    report = store.compact(progress=context.progress)
    for line in compact_lines(report):
        context.note(line)

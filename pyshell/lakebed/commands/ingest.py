"""`lakebed ingest`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from lakebed import render
from lakebed.commands.context import Context

if TYPE_CHECKING:
    from lakebed.models import IngestReport, TrainReport


def ingest(
    context: Context,
    files: tuple[str, ...],
    into: str | None,
    on_error: Literal["abort", "skip", "quarantine"],
    again: bool,
    resume: bool,
) -> None:
    """Ingests the files and reports on each."""
    source = list(files) if len(files) > 1 else files[0]
    with context.open("a", create=True) as store:
        report = store.ingest(
            source, into, on_error=on_error, again=again, resume=resume, progress=context.progress
        )
    for one in report.files or (report,):
        context.report(one, _lines(one))


def _lines(report: IngestReport) -> Iterator[str]:
    """A report for people."""
    if report.skipped:
        yield f"{report.file}: skipped, it was ingested into {report.collection} before (--again ingests it anew)"
        return
    told = [render.count(report.rows, "row")]
    if report.duplicates:
        told.append(f"{report.duplicates:,} of them known before")
    if report.resumed_after_line is not None:
        told.append(f"resumed after line {report.resumed_after_line:,}")
    speed = f", {report.mb_per_second:,.0f} MB/s" if report.seconds >= 0.1 else ""
    yield f"{report.file} -> {report.collection}: {', '.join(told)}, in {report.seconds:.1f} s{speed}"
    ratio = f", {report.ratio:.1f} times smaller" if report.bytes_stored and report.ratio > 1 else ""
    yield f"  {render.size(report.bytes_in)} became {render.size(report.bytes_stored)}{ratio}"
    if report.trained is not None:
        yield f"  {trained(report.trained)}"
    if report.bad_lines:
        fate = f"put into {report.quarantine}" if report.quarantine else "skipped"
        yield f"  {render.count(report.bad_lines, 'bad line')} {fate}:"
        for bad in report.first_bad[:5]:
            yield f"    line {bad.line:,}, column {bad.column:,}: {bad.reason}"
        if report.bad_lines > 5:
            yield "    ..."


def trained(report: TrainReport) -> str:
    """A training in one line."""
    if not report.installed:
        return f"a new dictionary would make {report.collection} only {report.gain:.1%} smaller: it was not installed"
    return f"dictionary {report.number} of {render.size(report.size)}: a sample became {report.gain:.0%} smaller"

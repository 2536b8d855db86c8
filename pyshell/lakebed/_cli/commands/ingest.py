"""`lakebed ingest`."""

from __future__ import annotations

import errno
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lakebed._cli import render
from lakebed._cli.commands.compaction import compact_if_due
from lakebed._cli.commands.schema import declared_types
from lakebed._cli.environment.context import Context
from lakebed.errors import InvalidArgument, error

if TYPE_CHECKING:
    from lakebed.models import IngestReport, TrainReport


def ingest(
    context: Context,
    files: tuple[str, ...],
    into: str | None,
    on_error: Literal["abort", "skip", "quarantine"],
    again: bool,
    resume: bool,
    types: tuple[str, ...],
    nulls: tuple[str, ...],
) -> None:
    """Ingests files, and reports on each.

    Raises `InvalidArgument` when a collection has to be named, `StoreIOError` for a file that cannot be read, and what
    `Store.ingest` raises.
    """
    # Refused before a store is made.
    declared = declared_types(types)
    sources = [source for file in files for source in _expanded(file)]
    if into is None and (len(sources) > 1 or sources == ["-"]):
        message = "Several files, and standard input, need a collection: --into NAME."
        raise InvalidArgument(message)
    with context.open("a", create=True) as store:
        for source in sources:
            report = store.ingest(
                source,
                into,
                on_error=on_error,
                again=again,
                resume=resume,
                types=declared,
                nulls=nulls,
                progress=context.progress,
            )
            context.report(report, _lines(report))
            for note in _notes(report):
                context.note(note)
        compact_if_due(context, store)


def _expanded(file: str) -> list[str]:
    """The files that a word on the command line names: those that match a pattern, else the word itself."""
    if file == "-":
        return [file]
    path = Path(file)
    if glob.has_magic(file) and not path.exists():
        found = sorted(glob.iglob(file, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
        if not found:
            message = f"No file matches the pattern {file!r}: check its directory and spelling."
            raise error("io", message, errno.ENOENT)
        return found
    if path.is_dir():
        message = f"{file} is a directory: name the files in it, as in '{file.rstrip('/')}/*.ndjson'."
        raise error("io", message, errno.EISDIR)
    if not path.exists():
        message = f"There is no file {file}: check the name, and the directory you are in."
        raise error("io", message, errno.ENOENT)
    return [file]


def _notes(report: IngestReport) -> Iterator[str]:
    """Remarks on standard error: skipped files and bad lines."""
    if report.skipped:
        yield f"note: {report.file} was ingested into {report.collection} before: skipped (--again ingests it again)"
    if report.misfits:
        fitting = render.count(report.misfits, "value does not fit its", "values do not fit their")
        yield f"note: {fitting} declared type in {report.collection}: NULL in the column, kept in _json"
    for text in report.notes:
        yield f"note: {report.collection}: {text}"
    if report.bad_lines:
        fate = f"put into {report.quarantine}" if report.quarantine else "skipped"
        yield f"note: {render.count(report.bad_lines, 'bad line')} of {report.file} {fate}"
        for bad in report.first_bad[:5]:
            yield f"  line {bad.line:,}, column {bad.column:,}: {bad.reason}"
        if report.bad_lines > 5:
            yield "  ..."


def _lines(report: IngestReport) -> Iterator[str]:
    """The report as sentences."""
    if report.skipped:
        yield f"{report.file} -> {report.collection}: nothing to do"
        return
    parts = [render.count(report.rows, "row")]
    if report.duplicates:
        parts.append(f"{report.duplicates:,} of them known before")
    if report.resumed_after_line is not None:
        parts.append(f"resumed after line {report.resumed_after_line:,}")
    speed = f", {report.mb_per_second:,.0f} MB/s" if report.seconds >= 0.1 else ""
    yield f"{report.file} -> {report.collection}: {', '.join(parts)}, in {report.seconds:.1f} s{speed}"
    ratio = f", {report.ratio:.1f} times smaller" if report.bytes_stored and report.ratio > 1 else ""
    yield f"  {render.size(report.bytes_in)} became {render.size(report.bytes_stored)}{ratio}"
    if report.trained is not None:
        yield f"  {training_line(report.trained)}"


def training_line(report: TrainReport) -> str:
    """The report on a trained dictionary, in one line."""
    if not report.installed:
        gain = f"only {report.gain:.1%} smaller" if report.gain > 0 else "no smaller"
        return f"a new dictionary would make {report.collection} {gain}: it was not installed"
    return f"dictionary {report.number} of {render.size(report.size)}: a sample became {report.gain:.0%} smaller"

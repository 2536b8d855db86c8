"""`lakebed ingest`."""

from __future__ import annotations

import errno
import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lakebed._cli import render
from lakebed._cli.commands.compaction import compact_if_due
from lakebed._cli.commands.schema import declared_types
from lakebed._cli.environment.context import Context
from lakebed._inputs import expanded, is_address
from lakebed.errors import InvalidArgument, error

if TYPE_CHECKING:
    import lakebed
    from lakebed.models import IngestReport, TrainReport


def ingest(
    context: Context,
    files: tuple[str, ...],
    into: str | None,
    on_error: Literal["abort", "skip", "quarantine"],
    nan: Literal["null", "string"] | None,
    again: bool,
    resume: bool,
    recursive: bool,
    follow: bool,
    dry_run: bool,
    types: tuple[str, ...],
    nulls: tuple[str, ...],
) -> None:
    """Ingests files, and reports on each.

    Raises `InvalidArgument` when a collection has to be named, `StoreIOError` for a file that cannot be read, and what
    `Store.ingest` raises.
    """
    # Refused before a store is made.
    declared = declared_types(types)
    sources = [source for file in files for source in _words(file, recursive)]
    if into is None and (len(sources) > 1 or sources == ["-"]):
        message = "Several files, and standard input, need a collection: --into NAME."
        raise InvalidArgument(message)
    if follow and len(sources) > 1:
        # The first would never end, and the others never begin.
        message = (
            "Only one file can be followed by one command: follow each of the files in a command of its own (they take "
            "turns with the store)."
        )
        raise InvalidArgument(message)
    if dry_run and len(sources) > 1:
        # Together, so that equal ones among them are seen.
        batches: list[str | list[str]] = [sources]
    else:
        batches = list(sources)
    context.note_backend()
    with _store(context, dry_run) as store:
        for source in batches:
            done = store.ingest(
                source,
                into,
                on_error=on_error,
                nan=nan,
                again=again,
                resume=resume,
                recursive=recursive,
                follow=follow,
                dry_run=dry_run,
                types=declared,
                nulls=nulls,
                progress=context.progress,
            )
            for report in done.files or (done,):
                context.report(report, _lines(report))
                for note in _notes(report):
                    context.note(note)
        if not dry_run:
            compact_if_due(context, store)


@contextmanager
def _store(context: Context, dry_run: bool) -> Iterator[lakebed.Store]:
    """The store; for a dry run without one, an empty one for the time being."""
    if dry_run and not Path(context.settings.store).exists():
        import lakebed

        with tempfile.TemporaryDirectory(prefix="lakebed-") as directory, lakebed.open(f"{directory}/store") as store:
            yield store
        return
    with context.open("r" if dry_run else "a", create=not dry_run) as store:
        yield store


def _words(file: str, recursive: bool) -> list[str]:
    """The files that a word on the command line names: those that match a pattern, else the word itself."""
    if file == "-" or is_address(file):
        return [file]
    path = Path(file)
    if glob.has_magic(file) and not path.exists():
        return [one for one in expanded(file, recursive=recursive) if isinstance(one, str)]
    if path.is_dir():
        if recursive:
            return [file]
        message = (
            f"{file} is a directory: name the files in it, as in '{file.rstrip('/')}/*.ndjson', or take all of them with "
            "--recursive."
        )
        raise error("io", message, errno.EISDIR)
    if not path.exists():
        message = f"There is no file {file}: check the name, and the directory you are in."
        raise error("io", message, errno.ENOENT)
    return [file]


def _notes(report: IngestReport) -> Iterator[str]:
    """Remarks on standard error: what was skipped, left or changed."""
    file = report.file
    if report.skipped:
        same = "" if _is(report.same_as, file) else f" as {report.same_as}, whose content is the same"
        yield f"note: {file} was ingested into {report.collection} before{same}: skipped (--again ingests it again)"
    if report.resumed_after_line is not None and not report.skipped:
        name = "" if _is(report.resumed_from, file) else f", as {report.resumed_from}"
        yield (
            f"note: {file} was ingested up to line {report.resumed_after_line:,} before{name}: went on from there "
            "(--again ingests all of it again)"
        )
    if report.unfinished_bytes:
        yield f"note: the last line of {file} is half written ({render.size(report.unfinished_bytes)}): left for next time"
    if report.minified:
        yield (
            f"note: {render.count(report.minified, 'value')} of {file} went over several lines, and "
            f"{'is' if report.minified == 1 else 'are'} stored on one, without blanks between their parts"
        )
    if report.replaced:
        yield f"note: NaN or an infinity was replaced in {render.count(report.replaced, 'record')} of {file}"
    if report.rotations:
        yield f"note: {file} was renamed or cut {render.count(report.rotations, 'time')}, and was followed under its name"
    if report.misfits:
        fitting = render.count(report.misfits, "value does not fit its", "values do not fit their")
        yield f"note: {fitting} declared type in {report.collection}: NULL in the column, kept in _json"
    for text in report.notes:
        yield f"note: {report.collection}: {text}"
    if report.bad_lines:
        fate = f"put into {report.quarantine}" if report.quarantine else "skipped"
        yield f"note: {render.count(report.bad_lines, 'bad line')} of {file} {fate}"
        for bad in report.first_bad[:5]:
            yield f"  line {bad.line:,}, column {bad.column:,}: {bad.reason}"
        if report.bad_lines > 5:
            yield "  ..."


def _is(name: str | None, file: str) -> bool:
    """Whether an earlier name is that of the file, also spelt otherwise."""
    if name in (None, file):
        return True
    try:
        return Path(str(name)).samefile(file)
    except OSError:
        return False


def _lines(report: IngestReport) -> Iterator[str]:
    """The report as sentences."""
    if report.skipped:
        yield f"{report.file} -> {report.collection}: nothing to do"
        return
    parts = [render.count(report.rows, "row")]
    if report.duplicates:
        parts.append(f"{report.duplicates:,} of them known before")
    if report.resumed_after_line is not None:
        parts.append(f"after line {report.resumed_after_line:,}")
    if report.dry_run:
        yield f"{report.file} -> {report.collection}: would add {', '.join(parts)} (nothing was written)"
        return
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

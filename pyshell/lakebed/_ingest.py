"""`Store.ingest`: each input, one after the other."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lakebed import _progress
from lakebed._inputs import Made, Source, default_collection, expanded, inputs, is_address, name_of, utf8_name
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed import models
    from lakebed._backend import Layout, StoreEngine
    from lakebed._inputs import Input, Named
    from lakebed._progress import ProgressLike

__all__ = ["Nan", "OnError", "ingest"]

OnError: TypeAlias = Literal["abort", "skip", "quarantine"]
Nan: TypeAlias = Literal["null", "string"]


def ingest(
    engine: StoreEngine,
    source: Source | Iterable[Source],
    into: str | None,
    *,
    on_error: OnError,
    nan: Nan | None,
    again: bool,
    resume: bool,
    recursive: bool,
    follow: bool,
    dry_run: bool,
    train: bool,
    changes: list[tuple[str, str | None, list[str]]],
    layout: Layout | None,
    progress: ProgressLike,
    call: Callable[..., dict[str, Any]],
) -> models.IngestReport:
    """See `Store.ingest`. `changes` are the types to declare first; `call` calls the engine."""
    from lakebed import models

    files = list(expanded(source, recursive=recursive))
    if not files:
        raise InvalidArgument("There is nothing to ingest: the list of files is empty.")
    if follow and (len(files) != 1 or not _can_be_followed(files[0])):
        raise InvalidArgument(
            "Only one plain file can be followed: give its path alone, and follow each further file in a program of its own (they "
            "take turns). Standard input is read as it comes, without following."
        )
    if into is None:
        is_directory = isinstance(source, str | os.PathLike) and Path(source).is_dir()
        into = default_collection(source if is_directory or len(files) > 1 else files[0])
    reports: list[models.IngestReport] = []
    planned: list[str] = []
    for item in [files[0]] if follow else (one for file in files for one in inputs(file)):
        name = utf8_name(item.name if isinstance(item, Made) else name_of(item))
        if not dry_run and not (isinstance(item, str) and not Path(item).exists()):
            # Once there is something to ingest.
            if changes:
                engine.declare(into, changes, True)
                changes = []
            if layout is not None:
                engine.set_layout(into, layout, True)
        first = _next_seq(engine, into)
        try:
            with _progress.reporting(progress, name.rpartition("/")[2] or name) as report:
                done = call(
                    engine.ingest,
                    item,
                    into=into,
                    name=name,
                    original=item.original if isinstance(item, Made) else None,
                    on_error=on_error,
                    nan=nan,
                    again=again,
                    resume=resume,
                    follow=follow,
                    dry_run=dry_run,
                    train=train,
                    becomes_columns=layout == "columns" and not follow,
                    progress=report,
                )
        finally:
            if isinstance(item, Made):
                item.close()
        if done["rows"] and not dry_run:
            done |= _notes(engine, into, first)
        if dry_run and not again:
            done |= _as_after(item, done["skipped"], planned)
        reports.append(models.IngestReport(**done))
    if not reports:
        raise InvalidArgument("There is nothing to ingest: the archive has no members.")
    all_of_it = reports[0] if len(reports) == 1 else _total(reports)
    return all_of_it if dry_run else _with_layout(engine, all_of_it, layout, call, progress)


def _with_layout(
    engine: StoreEngine,
    done: models.IngestReport,
    layout: Layout | None,
    call: Callable[..., dict[str, Any]],
    progress: ProgressLike,
) -> models.IngestReport:
    """Stores what was ingested as the collection's layout says; the report with what became of it."""
    asked = layout is not None
    if not done.rows and not asked:
        return done
    with _progress.reporting(progress, f"{done.collection}: columns") as report:
        applied = call(engine.apply_layout, done.collection, asked, report)
    smaller = applied["bytes_before"] - applied["bytes_after"]
    changes: dict[str, Any] = {
        "bytes_stored": max(0, done.bytes_stored - smaller),
        "seconds": done.seconds + applied["seconds"],
    }
    if asked:
        changes["notes"] = (*done.notes, *applied["stays_rows"])
    return done.model_copy(update=changes)


def _next_seq(engine: StoreEngine, collection: str) -> int:
    """The sequence number of the next row of a collection."""
    found = (one["next_seq"] for one in engine.collections() if one["name"] == collection)
    return next(found, 0)


def _notes(engine: StoreEngine, collection: str, first: int) -> dict[str, Any]:
    """What a report says of the columns of the rows from the sequence number `first` on."""
    snapshot = engine.snapshot()
    columns = snapshot.schema(collection, False)["columns"]
    notes = [
        f"column {column['name']} {note}"
        for column in columns
        for note in column.get("notes", ())
        if "no column of their own" in note
    ]
    declared = any(column.get("declared") for column in columns)
    return {"misfits": snapshot.misfits(collection, first) if declared else 0, "notes": tuple(notes)}


def _total(reports: Sequence[models.IngestReport]) -> models.IngestReport:
    """The sum of the reports on several files, of which there is at least one."""

    from lakebed import models

    def added(field: str) -> Any:
        return sum(getattr(report, field) for report in reports)

    return models.IngestReport(
        collection=reports[0].collection,
        file=f"{len(reports)} files",
        skipped=all(report.skipped for report in reports),
        resumed_after_line=None,
        unfinished_bytes=added("unfinished_bytes"),
        minified=added("minified"),
        replaced=added("replaced"),
        dry_run=reports[0].dry_run,
        lines=added("lines"),
        rows=added("rows"),
        new_blobs=added("new_blobs"),
        duplicates=added("duplicates"),
        bad_lines=added("bad_lines"),
        misfits=added("misfits"),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        first_bad=tuple(bad for report in reports for bad in report.first_bad)[:20],
        quarantine=next((report.quarantine for report in reports if report.quarantine), None),
        bytes_in=added("bytes_in"),
        bytes_stored=added("bytes_stored"),
        trained=next((report.trained for report in reports if report.trained), None),
        seconds=added("seconds"),
        commit=reports[-1].commit,
        files=tuple(reports),
    )


def _can_be_followed(file: Named) -> bool:
    return isinstance(file, str) and not is_address(file)


def _as_after(item: Input, skipped: bool, planned: list[str]) -> dict[str, object]:
    """What the report of a dry run says otherwise because an equal file would have been ingested by then."""
    path = item.original if isinstance(item, Made) else item
    if skipped or not isinstance(path, str) or not Path(path).is_file():
        return {}
    size = Path(path).stat().st_size
    for earlier in planned:
        if Path(earlier).stat().st_size == size and filecmp.cmp(earlier, path, shallow=False):
            return {
                "skipped": True,
                "same_as": earlier,
                "rows": 0,
                "lines": 0,
                "bytes_in": 0,
                "bad_lines": 0,
                "first_bad": (),
            }
    planned.append(path)
    return {}

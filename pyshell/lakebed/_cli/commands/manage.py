"""`lakebed drop`, `trim`, `train`, `compact`, `seal`, `export`, `verify`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

from pydantic import BaseModel

from lakebed._cli import render
from lakebed._cli.commands.compaction import compact_if_due, compact_lines
from lakebed._cli.commands.export_columns import export_columns
from lakebed._cli.commands.ingest import training_line
from lakebed._cli.environment.context import Context
from lakebed._file_formats import file_format
from lakebed.errors import CollectionNotFound, Corrupt, InvalidArgument

if TYPE_CHECKING:
    from lakebed._backend import Layout


class Dropped(BaseModel):
    """The report of `drop` and `trim`."""

    collection: str
    rows: int


class Sealed(BaseModel):
    """The report of `seal`."""

    segments: int


def drop(context: Context, collection: str, yes: bool) -> int | None:
    """Drops a collection after a confirmation; 1 when it is refused.

    Raises `CollectionNotFound`, and `InvalidArgument` when nobody can confirm.
    """
    with context.open("a") as store:
        found = next((one for one in store.collections() if one.name == collection), None)
        if found is None:
            # The engine raises an error that names the collections there are.
            store.drop(collection)
            raise CollectionNotFound(collection)
        if not yes:
            if not context.can_ask:
                message = (
                    f"Dropping {collection!r} and its {render.count(found.rows, 'row')} needs --yes without a terminal."
                )
                raise InvalidArgument(message)
            if not context.confirm(f"Drop {collection!r} and its {render.count(found.rows, 'row')}?"):
                context.note("Nothing was dropped.")
                return 1
        dropped = Dropped(collection=collection, rows=store.drop(collection))
        compact_if_due(context, store)
    context.report(dropped, [f"dropped {collection}: {render.count(dropped.rows, 'row')}"])
    return None


def trim(context: Context, collection: str, before_seq: int) -> None:
    """Drops the rows of a collection whose `_seq` is below `before_seq`."""
    with context.open("a") as store:
        trimmed = Dropped(collection=collection, rows=store.trim(collection, before_seq=before_seq))
        compact_if_due(context, store)
    context.report(trimmed, [f"trimmed {collection}: {render.count(trimmed.rows, 'row')}"])


def train(context: Context, collection: str, size: int) -> None:
    """Trains a dictionary of at most `size` bytes."""
    with context.open("a") as store:
        report = store.train(collection, size)
    context.report(report, [training_line(report)])


def compact(context: Context, collection: str | None, layout: Layout | None, level: int | None, dry_run: bool) -> None:
    """Compacts the store, or says what that would do; the records of a collection, or of all, get a layout."""
    with context.open("r" if dry_run else "a") as store:
        report = store.compact(collection, layout=layout, level=level, dry_run=dry_run, progress=context.progress)
    context.report(report, compact_lines(report))


def seal(context: Context) -> None:
    """Seals the active segment."""
    with context.open("a") as store:
        store.seal()
        sealed = Sealed(segments=sum(one.state == "sealed" for one in store.segments()))
    context.report(sealed, [f"{render.count(sealed.segments, 'segment')} sealed"])


def export(context: Context, collection: str, output: str | None, format: str | None) -> None:
    """Writes a collection: in ndjson and json its records, byte for byte as they were ingested, in other formats its
    columns.

    Raises `InvalidArgument` when the ending of the file says no format that is known.
    """
    to_file = output is not None and output != "-"
    form = (file_format(output, format).name if to_file and output else format) or "ndjson"
    if form != "ndjson":
        export_columns(context, collection, output, form)
        return
    with context.open() as store:
        if to_file and output is not None:
            with context.output(output, compress=True) as target:
                report = store.export(collection, target, progress=context.progress)
            context.report(report, [f"{output}: {render.count(report.rows, 'row')}, {render.size(report.bytes)}"])
            return
        # On a terminal, a progress bar would mix with the data.
        with context.text_output(None, json=True) as stream:
            store.export(collection, cast("IO[bytes]", stream), progress=context.progress and not context.on_terminal)


class Verified(BaseModel):
    """The first line of the report of `verify` as JSON; each problem follows in a line of its own."""

    ok: bool
    segments: int
    commits: int
    frames: int
    blobs: int
    rows: int
    bytes: int
    problems: int
    seconds: float


def verify(context: Context, quick: bool, since: int) -> int | None:
    """Reads and checks the store; the exit code is 6 when something is damaged."""
    with context.open() as store:
        report = store.verify(quick=quick, since=since, progress=context.progress)
    count = render.count
    read = f"{count(report.commits, 'commit')}, {count(report.segments, 'segment')}, {render.size(report.bytes)}"
    lines = [
        f"{'whole' if report.ok else 'DAMAGED'}: {count(report.blobs, 'blob')}, {count(report.rows, 'row')}",
        f"  {read} read in {report.seconds:.1f} s",
    ]
    for problem in report.problems:
        place = f"segment {problem.segment}" if problem.segment is not None else "the store"
        offset = f" at offset {problem.offset}" if problem.offset is not None else ""
        lines.append(f"  {problem.kind}, {place}{offset}: {problem.message}")
    if not report.ok:
        lines.append("`lakebed repair --dry-run` says what can be saved, and `lakebed repair` does it")
    found = report.model_dump() | {"problems": len(report.problems)}
    context.report(Verified(**found), lines)
    if context.json or not context.on_terminal:
        for problem in report.problems:
            context.say(problem.model_dump_json(), json=True)
    return None if report.ok else Corrupt.exit_code

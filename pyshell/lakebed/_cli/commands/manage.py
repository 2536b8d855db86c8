"""`lakebed drop`, `trim`, `train`, `seal`, `export`, `verify`."""

from __future__ import annotations

from pydantic import BaseModel

from lakebed._cli import render
from lakebed._cli.commands.context import Context
from lakebed._cli.commands.ingest import trained
from lakebed.errors import CollectionNotFound, Corrupt, InvalidArgument


class Dropped(BaseModel):
    """What `drop` and `trim` did."""

    collection: str
    rows: int


class Sealed(BaseModel):
    """What `seal` did."""

    segments: int


def drop(context: Context, collection: str, yes: bool) -> int | None:
    """Drops a collection, when somebody agrees."""
    with context.open("a") as store:
        found = next((one for one in store.collections() if one.name == collection), None)
        if found is None:
            # The engine's sentence names what there is.
            store.drop(collection)
            raise CollectionNotFound(collection)
        if not yes:
            if not context.can_ask:
                message = f"Dropping {collection!r} and its {render.count(found.rows, 'row')} needs --yes when nobody is there to ask."
                raise InvalidArgument(message)
            if not context.confirm(f"Drop {collection!r} and its {render.count(found.rows, 'row')}?"):
                context.note("Nothing was dropped.")
                return 1
        dropped = Dropped(collection=collection, rows=store.drop(collection))
    context.report(dropped, [f"dropped {collection}: {render.count(dropped.rows, 'row')}"])
    return None


def trim(context: Context, collection: str, before_seq: int) -> None:
    """Drops the first rows of a collection."""
    with context.open("a") as store:
        trimmed = Dropped(collection=collection, rows=store.trim(collection, before_seq=before_seq))
    context.report(trimmed, [f"trimmed {collection}: {render.count(trimmed.rows, 'row')}"])


def train(context: Context, collection: str, size: int) -> None:
    """Trains a dictionary."""
    with context.open("a") as store:
        report = store.train(collection, size)
    context.report(report, [trained(report)])


def seal(context: Context) -> None:
    """Seals the active segment."""
    with context.open("a") as store:
        store.seal()
        sealed = Sealed(segments=sum(one.state == "sealed" for one in store.segments()))
    context.report(sealed, [f"{render.count(sealed.segments, 'segment')} sealed"])


def export(context: Context, collection: str, output: str | None) -> None:
    """Writes the records as they came."""
    with context.open() as store:
        if output is not None and output != "-":
            report = store.export(collection, output, progress=context.progress)
            context.report(report, [f"{output}: {render.count(report.rows, 'row')}, {render.size(report.bytes)}"])
            return
        # On a terminal, a bar would run through the data.
        with context.output(None) as stream:
            store.export(collection, stream, progress=context.progress and not context.on_terminal)


def verify(context: Context) -> int | None:
    """Reads everything; ends with 6 when something is damaged."""
    with context.open() as store:
        report = store.verify(progress=context.progress)
    count = render.count
    read = f"{count(report.commits, 'commit')}, {count(report.segments, 'segment')}, {render.size(report.bytes)}"
    lines = [
        f"{'whole' if report.ok else 'DAMAGED'}: {count(report.blobs, 'blob')}, {count(report.rows, 'row')}",
        f"  {read} read in {report.seconds:.1f} s",
    ]
    for problem in report.problems:
        place = f"segment {problem.segment}" if problem.segment is not None else "the store"
        offset = f" at offset {problem.offset}" if problem.offset is not None else ""
        lines.append(f"  {place}{offset}: {problem.message}")
    context.report(report, lines)
    return None if report.ok else Corrupt.exit_code

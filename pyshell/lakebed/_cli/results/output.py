"""Writing a result in a format."""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.render import Column, Row, Style
from lakebed._cli.results import execution
from lakebed._cli.results.spool import Spool
from lakebed._cli.results.totals import Rest
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    import duckdb

    from lakebed._cli.results.execution import Parsed, Result


@dataclass(frozen=True)
class TextLayout:
    """How text is laid out."""

    rows: int
    """The most rows of a table; 0 for all."""
    width: int | None
    """The width of a table in columns of a terminal; None for one that is not cut, in a file or a pipe."""
    null: str
    """What stands for NULL."""
    style: Style


def write_result(layout: TextLayout, form: str, result: Result, target: IO[bytes]) -> None:
    """Writes a result in any format but Parquet."""
    out = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=False)
    try:
        if result.kind == "EXPLAIN" and form == "table":
            out.writelines(f"{row[-1]}\n" for row in result.rows)
        elif form == "ndjson":
            _write_lines(out, render.json_objects(result.columns, result.rows, result.is_json))
        elif form == "json":
            _write_lines(out, render.json_array(result.columns, result.rows, result.is_json))
        else:
            write_text(layout, form, result.columns, result.rows, out, result.rest)
        out.flush()
    finally:
        # The caller closes the stream. What a broken pipe left in the wrapper is dropped.
        with contextlib.suppress(BrokenPipeError):
            out.detach()


def write_text(
    layout: TextLayout,
    form: str,
    columns: Sequence[Column],
    rows: Iterator[Row],
    out: IO[str],
    rest: Callable[[int], Rest | None] = lambda _last: None,
) -> None:
    """Writes rows as a table, records, Markdown or CSV. `rest` is that of `Result`."""
    if form == "vertical":
        _write_lines(out, render.vertical(columns, rows, null=layout.null, style=layout.style))
    elif form == "markdown":
        _write_lines(out, render.markdown(columns, rows, null=layout.null))
    elif form == "csv":
        _write_lines(out, render.csv(columns, rows))
    elif form == "chart":
        _write_lines(out, charted(columns, rows, layout.width or CHART_WIDTH, layout.null, layout.style))
    else:
        _write_table(layout, columns, rows, out, rest)


CHART_WIDTH = 100
CHART_HEIGHT = 16
"""The columns of a chart that is not for a terminal, and the lines of a chart of lines."""


def charted(
    columns: Sequence[Column],
    rows: Iterable[Row],
    width: int,
    null: str,
    style: Style,
    *,
    kind: str | None = None,
    height: int = CHART_HEIGHT,
) -> Iterator[str]:
    """The lines of a chart.

    Raises `InvalidArgument` when the columns do not fit a chart.
    """
    try:
        return render.chart(columns, rows, width, height, kind=kind, null=null, style=style)
    except render.NoChart as problem:
        message = f"{problem}."
        raise InvalidArgument(message) from problem


def _write_table(
    layout: TextLayout,
    columns: Sequence[Column],
    rows: Iterator[Row],
    out: IO[str],
    rest: Callable[[int], Rest | None],
) -> None:
    """Writes a table. Memory is bounded, however many rows there are."""
    limit = layout.rows
    measure = render.Measure(columns, layout.width, layout.null)
    with Spool() as spool:
        for row in spool.added(itertools.islice(rows, limit) if limit else rows):
            measure.add(row)
        more = bool(limit) and next(rows, None) is not None
        found = rest(0) if more else None
        total = found.total if found is not None else None
        drawing = render.Drawing(measure, layout.style)
        _write_lines(out, drawing.lines(spool))
        out.write(layout.style.dim(render.footer(spool.count, len(columns), drawing, more=more, total=total)) + "\n")


def write_parquet(connection: duckdb.DuckDBPyConnection, statement: Parsed, target: IO[bytes]) -> None:
    """Runs a statement and writes its result as Parquet.

    Raises `InvalidArgument` when the target is a terminal.
    """
    if target is sys.stdout.buffer and sys.stdout.isatty():
        message = "Parquet is binary: give -o FILE, or a pipe."
        raise InvalidArgument(message)
    target.writelines(parquet_pieces(connection, statement))


def parquet_pieces(connection: duckdb.DuckDBPyConnection, statement: Parsed) -> Iterator[bytes]:
    """Runs a statement; the bytes of its result as a Parquet file, in pieces of a MiB.

    DuckDB writes Parquet to files that it can seek in, so the result goes through a temporary file.
    """
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "result.parquet"
        execution.relation(connection, statement).write_parquet(str(path), compression="zstd")
        with path.open("rb") as written:
            while piece := written.read(1 << 20):
                yield piece


def _write_lines(out: IO[str], lines: Iterable[str]) -> None:
    for line in lines:
        out.write(line + "\n")

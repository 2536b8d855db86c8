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
from lakebed._cli.results.exact_types import exactly
from lakebed._cli.results.spool import Spool
from lakebed._cli.results.totals import Rest
from lakebed._cli.results.workbook import write_workbook
from lakebed._encodings import arrow_pieces
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
    raw: bool
    """Whether control characters stay as they are: in a pipe or a file. A terminal shows them as escapes."""


def write_result(layout: TextLayout, form: str, result: Result, target: IO[bytes]) -> None:
    """Writes a result in any format of text."""
    out = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=False)
    try:
        if result.kind == "EXPLAIN" and form == "table":
            _write_lines(out, (row[-1] if layout.raw else render.printable(row[-1]) for row in result.rows))
        elif form in ("json", "ndjson"):
            make = render.json_array if form == "json" else render.json_objects
            lines = make(result.columns, result.rows, result.is_json)
            _write_lines(out, lines if layout.raw else map(render.printable_json, lines))
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
    """Writes rows as a table, records, Markdown, HTML, CSV, TSV or a chart. `rest` is that of `Result`."""
    if form == "vertical":
        _write_lines(out, render.vertical(columns, rows, null=layout.null, style=layout.style, raw=layout.raw))
    elif form == "markdown":
        _write_lines(out, render.markdown(columns, rows, null=layout.null, raw=layout.raw))
    elif form in ("csv", "tsv"):
        comma = "," if form == "csv" else "\t"
        _write_lines(out, render.csv(columns, rows, comma=comma, raw=layout.raw))
    elif form == "html":
        _write_lines(out, render.html(columns, rows, null=layout.null, raw=layout.raw))
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
    measure = render.Measure(columns, layout.width, layout.null, raw=layout.raw)
    with Spool() as spool:
        for row in spool.added(itertools.islice(rows, limit) if limit else rows):
            measure.add(row)
        more = bool(limit) and next(rows, None) is not None
        found = rest(0) if more else None
        total = found.total if found is not None else None
        drawing = render.Drawing(measure, layout.style)
        _write_lines(out, drawing.lines(spool))
        out.write(layout.style.dim(render.footer(spool.count, len(columns), drawing, more=more, total=total)) + "\n")


TITLES = {"parquet": "A Parquet file", "arrow": "An Arrow file", "xlsx": "An Excel file"}
"""The binary formats as sentences begin with them."""


def write_binary(connection: duckdb.DuckDBPyConnection, statement: Parsed, form: str, target: IO[bytes]) -> None:
    """Runs a statement and writes its result in a binary format.

    Raises `InvalidArgument` when the target is a terminal, and for what the format cannot hold exactly.
    """
    if target is sys.stdout.buffer and sys.stdout.isatty():
        message = f"{TITLES[form]} is binary: give -o FILE, or a pipe."
        raise InvalidArgument(message)
    target.writelines(binary_pieces(connection, statement, form))


def binary_pieces(connection: duckdb.DuckDBPyConnection, statement: Parsed, form: str) -> Iterator[bytes]:
    """Runs a statement; the bytes of its result as a file of a binary format, in pieces.

    DuckDB writes Parquet to files that it can seek in, so such a result goes through a temporary file; a workbook does,
    too.
    """
    if form == "arrow":
        yield from arrow_pieces(exactly(execution.relation(connection, statement), form))
        return
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "result"
        if form == "parquet":
            found = exactly(execution.relation(connection, statement), form)
            found.write_parquet(str(path), compression="zstd")
        else:
            result = execution.run(connection, statement, "csv")
            assert result is not None, statement
            with path.open("wb") as file:
                write_workbook(result.columns, result.rows, file)
        with path.open("rb") as written:
            while piece := written.read(1 << 20):
                yield piece


def _write_lines(out: IO[str], lines: Iterable[str]) -> None:
    for line in lines:
        out.write(line + "\n")

"""`lakebed export` in other formats than NDJSON."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lakebed._cli import render
from lakebed._cli.environment.duckdb_connection import DATABASE, attach_store, connect
from lakebed._cli.results import execution
from lakebed._cli.results.output import write_binary, write_result
from lakebed._file_formats import BINARY
from lakebed._sql_text import quoted
from lakebed.duck.interrupt import interruptible
from lakebed.duck.names import view_names

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context

__all__ = ["export_columns"]

_ADDED = "_seq, _hash, _file, _line, _ingested_at, _json"


def export_columns(context: Context, collection: str, output: str | None, form: str) -> None:
    """Writes the rows of a collection in order: as one JSON array of its records, or as columns.

    Raises `CollectionNotFound`; `InvalidArgument` for what a format cannot hold.
    """
    with context.open() as store:
        store.schema(collection)
        view = view_names(one.name for one in sorted(store.collections(), key=lambda one: one.id))[collection]
    table = f"{quoted(DATABASE)}.main.{quoted(view)}"
    chosen = "_json" if form == "json" else f"* EXCLUDE ({_ADDED})"
    connection = connect(context)
    try:
        attach_store(context, connection).show(connection, {view.casefold()})
        layout = context.text_layout(0, to_file=output is not None and output != "-")
        with execution.translated_errors(), interruptible(connection), context.output(output, compress=True) as target:
            parsed = execution.parsed_query(connection, f"SELECT {chosen} FROM {table} ORDER BY _seq")
            if form in BINARY:
                write_binary(connection, parsed, form, target)
                return
            result = execution.run(connection, parsed, form)
            assert result is not None, parsed
            if form != "json":
                write_result(layout, form, result, target)
                return
            text = io.TextIOWrapper(target, encoding="utf-8", newline="\n")
            for line in render.json_values(row[0] for row in result.rows):
                text.write((line if layout.raw else render.printable_json(line)) + "\n")
            text.flush()
            text.detach()
    finally:
        connection.close()
    if output is not None and output != "-":
        context.note(f"wrote {output}")

"""lakebed without Rust: the store in Python, with zstandard, blake3 and xxhash.

It reads and writes the same format (docs/format.md) as the engine, slower. This is the code to read in order to
understand the format; from the bottom up:

- `format`: bytes to values and back;
- `files`, `locks`, `codec`, `hash`: the operating system, zstd, BLAKE3;
- `frames`, `parts`, `segment`, `runs`: decoded frames; what an index block or a footer says; a segment; many of them;
- `walk`, `footers`: back over the commits of a segment; what a footer repeats of a manifest;
- `catalogue`, `state`, `opening`: the committed state, and how it is found;
- `pending`, `reach`, `view`: what the next commit writes; which blobs count; what a store object shows;
- `reading`, `snapshot`, `verify`, `export`, `stats`: reading;
- `json`: JSON, summaries of values, types, values of columns, without store and files;
- `parquet`: a writer of Parquet files; `columns`: pages, shapes of records, parts;
- `arrow`: Arrow's C interface, out and in; `scan`: typed rows and system tables;
- `write`, `compact`, `copies`: the group, commits, seals; compaction; backups and copied rows;
- `repair`: a damaged store made whole again;
- `training`, `describing`, `ingest`: dictionaries, declared types, files on their way into a collection;
- `store`: an open store.

The module has the names of the protocol `lakebed._backend.Backend`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lakebed.pure.arrow.file import ArrowFile
from lakebed.pure.arrow.records import json_lines
from lakebed.pure.codec import ZstdDecoder, ZstdStream
from lakebed.pure.copies.restore import restore
from lakebed.pure.hash import Hash
from lakebed.pure.ingest.names import collection_name
from lakebed.pure.repair import repair_store
from lakebed.pure.store import open_store
from lakebed.pure.values import Buffer, Row, Rows

if TYPE_CHECKING:
    from lakebed import pure
    from lakebed._backend import Backend

    _conforms: Backend = pure

__all__ = [
    "ArrowFile",
    "Buffer",
    "Hash",
    "Row",
    "Rows",
    "ZstdDecoder",
    "ZstdStream",
    "collection_name",
    "error_kinds",
    "json_lines",
    "name",
    "open_store",
    "repair_store",
    "restore",
]

name: Final = "python"

_KINDS = (
    "ambiguous_prefix bad_record blob_not_found closed collection_not_found corrupt format_too_new internal interrupted "
    "invalid_argument io not_a_store poisoned read_only source_changed store_full store_locked store_not_found"
)


def error_kinds() -> list[str]:
    """The kinds of the errors it raises, each the `kind` of a class in `lakebed.errors`."""
    return _KINDS.split()

"""lakebed: an embedded, content-addressed store for NDJSON, queried with DuckDB SQL.

    import lakebed

    with lakebed.open("data.lakebed") as store:
        store.ingest("events.ndjson.gz")
        print(store.stats())

    con = lakebed.connect("data.lakebed")
    con.sql("SELECT count(*) FROM events").show()

What is heavy to import (pydantic, DuckDB, rich) is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lakebed._backend import Buffer, Hash, Row, Rows, backend, has_rust_backend
from lakebed._engine import __version__
from lakebed._extension import extension_path
from lakebed._progress import Progress
from lakebed._records import to_json
from lakebed._snapshot import Snapshot
from lakebed.errors import (
    AmbiguousPrefix,
    BadRecord,
    BlobNotFound,
    Closed,
    CloudRefused,
    CollectionNotFound,
    Corrupt,
    FormatTooNew,
    InternalError,
    Interrupted,
    InvalidArgument,
    LakebedError,
    ModelMissing,
    NotAStore,
    NotOllama,
    OllamaBusy,
    OllamaError,
    OllamaFailed,
    OllamaRefused,
    OllamaStalled,
    OllamaUnreachable,
    Poisoned,
    PromptTooLong,
    ReadOnly,
    ReplyCut,
    ReplyGarbled,
    ReplyInvalid,
    ReplyTooLarge,
    SourceChanged,
    StoreFull,
    StoreIOError,
    StoreLocked,
    StoreNotFound,
)
from lakebed.store import Store, open

if TYPE_CHECKING:
    from lakebed.duck import attach, connect, refresh  # type: ignore[import-not-found, unused-ignore]
    from lakebed.prompts import Ollama, prompt

__all__ = [
    "AmbiguousPrefix",
    "BadRecord",
    "BlobNotFound",
    "Buffer",
    "Closed",
    "CloudRefused",
    "CollectionNotFound",
    "Corrupt",
    "FormatTooNew",
    "Hash",
    "InternalError",
    "Interrupted",
    "InvalidArgument",
    "LakebedError",
    "ModelMissing",
    "NotAStore",
    "NotOllama",
    "Ollama",
    "OllamaBusy",
    "OllamaError",
    "OllamaFailed",
    "OllamaRefused",
    "OllamaStalled",
    "OllamaUnreachable",
    "Poisoned",
    "Progress",
    "PromptTooLong",
    "ReadOnly",
    "ReplyCut",
    "ReplyGarbled",
    "ReplyInvalid",
    "ReplyTooLarge",
    "Row",
    "Rows",
    "Snapshot",
    "SourceChanged",
    "Store",
    "StoreFull",
    "StoreIOError",
    "StoreLocked",
    "StoreNotFound",
    "__version__",
    "attach",
    "backend",
    "connect",
    "extension_path",
    "has_rust_backend",
    "open",
    "prompt",
    "refresh",
    "to_json",
]

_LAZY = {
    "attach": "lakebed.duck",
    "connect": "lakebed.duck",
    "refresh": "lakebed.duck",
    "Ollama": "lakebed.prompts",
    "prompt": "lakebed.prompts",
}

# What users see is lakebed.X, wherever it is written.
Progress.__module__ = Snapshot.__module__ = Store.__module__ = "lakebed"


def __getattr__(name: str) -> object:
    """Names whose modules are heavy are imported when they are first used."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'lakebed' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""lakebed: an embedded, content-addressed store for NDJSON, queried with DuckDB SQL.

    import lakebed

    with lakebed.open("data.lakebed") as store:
        store.ingest("events.ndjson.gz")
        print(store.stats())

    con = lakebed.connect("data.lakebed")
    con.sql("SELECT count(*) FROM events").show()

Names that need a heavy module (pydantic, DuckDB, httpx) import it when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lakebed._backend import backend, has_rust_backend
from lakebed._copies import restore
from lakebed._extension import extension_path
from lakebed._progress import Progress
from lakebed._records import to_json
from lakebed._repair import repair
from lakebed._snapshot import Snapshot
from lakebed._types import Buffer, Hash, Row, Rows
from lakebed.errors import (
    AmbiguousPrefix,
    BackendMissing,
    BadRecord,
    BlobNotFound,
    Closed,
    CloudRefused,
    CollectionNotFound,
    Corrupt,
    FormatRefused,
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
    PackageMissing,
    Poisoned,
    PromptTooLong,
    ReadOnly,
    ReplyCut,
    ReplyEmpty,
    ReplyGarbled,
    ReplyInvalid,
    ReplyTimeout,
    ReplyTooLarge,
    SourceChanged,
    StoreFull,
    StoreIOError,
    StoreLocked,
    StoreNotFound,
    ThinkingCut,
)
from lakebed.store import Store, open

if TYPE_CHECKING:
    from lakebed._collection_files import CollectionFiles, ParquetFile
    from lakebed._repair_report import RepairAction, RepairLoss, RepairReport
    from lakebed._verify_report import Problem, VerifyReport
    from lakebed.copy_reports import BackupReport, CopiedCollection, CopyReport, RestoreReport
    from lakebed.duck import attach, connect, refresh  # type: ignore[import-not-found, unused-ignore]
    from lakebed.models import (
        AppendReport,
        BadLine,
        CollectionInfo,
        Column,
        CommitInfo,
        CompactReport,
        DictionaryInfo,
        ExportReport,
        IngestReport,
        Listing,
        Schema,
        SegmentInfo,
        Settings,
        Stats,
        TrainReport,
    )
    from lakebed.prompts import Chat, Ollama, Run, dry_run, forget, prompt
    from lakebed.prompts.client import Timeouts
    from lakebed.prompts.results import (
        CollectionRows,
        DryRun,
        FailureReason,
        ForgetReport,
        ModelInfo,
        PromptReport,
        PromptResult,
        RowError,
        SourceRow,
        TemplateVersion,
    )

    __version__: str

__all__ = [
    "AmbiguousPrefix",
    "AppendReport",
    "BackendMissing",
    "BackupReport",
    "BadLine",
    "BadRecord",
    "BlobNotFound",
    "Buffer",
    "Chat",
    "Closed",
    "CloudRefused",
    "CollectionFiles",
    "CollectionInfo",
    "CollectionNotFound",
    "CollectionRows",
    "Column",
    "CommitInfo",
    "CompactReport",
    "CopiedCollection",
    "CopyReport",
    "Corrupt",
    "DictionaryInfo",
    "DryRun",
    "ExportReport",
    "FailureReason",
    "ForgetReport",
    "FormatRefused",
    "FormatTooNew",
    "Hash",
    "IngestReport",
    "InternalError",
    "Interrupted",
    "InvalidArgument",
    "LakebedError",
    "Listing",
    "ModelInfo",
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
    "PackageMissing",
    "ParquetFile",
    "Poisoned",
    "Problem",
    "Progress",
    "PromptReport",
    "PromptResult",
    "PromptTooLong",
    "ReadOnly",
    "RepairAction",
    "RepairLoss",
    "RepairReport",
    "ReplyCut",
    "ReplyEmpty",
    "ReplyGarbled",
    "ReplyInvalid",
    "ReplyTimeout",
    "ReplyTooLarge",
    "RestoreReport",
    "Row",
    "RowError",
    "Rows",
    "Run",
    "Schema",
    "SegmentInfo",
    "Settings",
    "Snapshot",
    "SourceChanged",
    "SourceRow",
    "Stats",
    "Store",
    "StoreFull",
    "StoreIOError",
    "StoreLocked",
    "StoreNotFound",
    "TemplateVersion",
    "ThinkingCut",
    "Timeouts",
    "TrainReport",
    "VerifyReport",
    "__version__",
    "attach",
    "backend",
    "connect",
    "dry_run",
    "extension_path",
    "forget",
    "has_rust_backend",
    "open",
    "prompt",
    "refresh",
    "repair",
    "restore",
    "to_json",
]

_LAZY = {
    "lakebed._collection_files": "CollectionFiles ParquetFile",
    "lakebed.duck": "attach connect refresh",
    "lakebed.copy_reports": "BackupReport CopiedCollection CopyReport RestoreReport",
    "lakebed.models": (
        "AppendReport BadLine CollectionInfo Column CommitInfo CompactReport DictionaryInfo ExportReport IngestReport "
        "Listing Schema SegmentInfo Settings Stats TrainReport"
    ),
    "lakebed._repair_report": "RepairAction RepairLoss RepairReport",
    "lakebed._verify_report": "Problem VerifyReport",
    "lakebed.prompts": "Chat Ollama Run dry_run forget prompt",
    "lakebed.prompts.client": "Timeouts",
    "lakebed.prompts.results": (
        "CollectionRows DryRun FailureReason ForgetReport ModelInfo PromptReport PromptResult RowError SourceRow "
        "TemplateVersion"
    ),
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names.split()}

# Names print as lakebed.X, whichever module defines them.
for _value in (Progress, Snapshot, Store, backend, extension_path, has_rust_backend, open, restore, to_json):
    _value.__module__ = "lakebed"


def __getattr__(name: str) -> object:
    """Imports what is heavy when it is first used."""
    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("lakebed")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'lakebed' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

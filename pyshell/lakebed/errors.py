"""Everything lakebed raises: one tree, each class also the builtin a caller would expect.

Every class has a stable `kind` (also the engine's name for it) and an `exit_code` (what the command line ends with). The
message is a whole sentence: what happened, to which thing, what to do. Messages may change between versions; kinds do not.
"""

from __future__ import annotations

import errno as _errno
from typing import ClassVar

__all__ = [
    "AmbiguousPrefix",
    "BadRecord",
    "BlobNotFound",
    "Closed",
    "CloudRefused",
    "CollectionNotFound",
    "Corrupt",
    "FormatTooNew",
    "InternalError",
    "Interrupted",
    "InvalidArgument",
    "LakebedError",
    "ModelMissing",
    "NotAStore",
    "NotOllama",
    "OllamaBusy",
    "OllamaError",
    "OllamaFailed",
    "OllamaRefused",
    "OllamaStalled",
    "OllamaUnreachable",
    "PackageMissing",
    "Poisoned",
    "PromptTooLong",
    "ReadOnly",
    "ReplyCut",
    "ReplyGarbled",
    "ReplyInvalid",
    "ReplyTooLarge",
    "SourceChanged",
    "StoreFull",
    "StoreIOError",
    "StoreLocked",
    "StoreNotFound",
]


class _Told(BaseException):
    """What all errors here share: a sentence, a kind, an exit code, and an exact way through pickle."""

    kind: ClassVar[str]
    exit_code: ClassVar[int] = 1
    _errno: ClassVar[int | None] = None

    def __init__(self, message: str = "", *, errno: int | None = None) -> None:
        self.message = message
        number = self._errno if errno is None else errno
        if isinstance(self, OSError) and number is not None:
            OSError.__init__(self, number, message)
        else:
            BaseException.__init__(self, message)

    def __str__(self) -> str:
        # KeyError would show the repr of the sentence, OSError would put "[Errno 2]" before it.
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')}({self.message!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, getattr(self, "errno", None)), self.__dict__


def _rebuild(cls: type[_Told], message: str, errno: int | None) -> _Told:
    return cls(message, errno=errno)


class LakebedError(_Told, Exception):
    """What every lakebed error is, except `Interrupted`."""

    kind = "error"


class StoreNotFound(LakebedError, FileNotFoundError):
    """There is no store at the path."""

    kind = "store_not_found"
    exit_code = 5
    _errno = _errno.ENOENT


class CollectionNotFound(LakebedError, KeyError):
    """The store has no collection of that name."""

    kind = "collection_not_found"
    exit_code = 5


class BlobNotFound(LakebedError, KeyError):
    """The store has no blob of that hash."""

    kind = "blob_not_found"
    exit_code = 5


class AmbiguousPrefix(LakebedError, ValueError):
    """Several blobs share the hash prefix: give more characters of it."""

    kind = "ambiguous_prefix"
    exit_code = 2


class InvalidArgument(LakebedError, ValueError):
    """An argument outside its domain."""

    kind = "invalid_argument"
    exit_code = 2


class BadRecord(LakebedError, ValueError):
    """A record that is not acceptable JSON, or too large."""

    kind = "bad_record"


class SourceChanged(LakebedError, ValueError):
    """A file whose ingest is to be resumed is not the file it was."""

    kind = "source_changed"


class ReadOnly(LakebedError, PermissionError):
    """A change was asked of a store opened for reading."""

    kind = "read_only"
    exit_code = 2
    _errno = _errno.EROFS


class Closed(LakebedError, ValueError):
    """The store object was closed."""

    kind = "closed"
    exit_code = 2


class StoreLocked(LakebedError, TimeoutError):
    """Another process or store object went on writing for longer than `lock_timeout`."""

    kind = "store_locked"
    exit_code = 4
    _errno = _errno.ETIMEDOUT


class NotAStore(LakebedError, ValueError):
    """The path exists and is not a store."""

    kind = "not_a_store"
    exit_code = 6


class FormatTooNew(LakebedError, ValueError):
    """A newer version of lakebed wrote the store."""

    kind = "format_too_new"
    exit_code = 6


class Corrupt(LakebedError, ValueError):
    """Stored bytes are not what was written. Everything undamaged stays readable."""

    kind = "corrupt"
    exit_code = 6


class Poisoned(LakebedError, RuntimeError):
    """Writing to disk failed in a way that cannot be retried: this object only reads from now on."""

    kind = "poisoned"
    exit_code = 6


class StoreFull(LakebedError, OSError):
    """The disk is full. The store is unharmed."""

    kind = "store_full"
    exit_code = 7
    _errno = _errno.ENOSPC


class StoreIOError(LakebedError, OSError):
    """The operating system refused; `errno` says why."""

    kind = "io"
    exit_code = 7
    _errno = _errno.EIO


class OllamaError(LakebedError):
    """Something went wrong between here and the model."""

    kind = "ollama"
    status: int | None = None
    """The HTTP status, where there was one."""
    retry_after: float | None = None
    """Seconds that the server asks to wait."""


class OllamaUnreachable(OllamaError, ConnectionError):
    """Nothing answers at the server's address."""

    kind = "ollama_unreachable"
    exit_code = 3


class OllamaBusy(OllamaError, ConnectionError):
    """The server answers that it has too much to do."""

    kind = "ollama_busy"
    exit_code = 3


class OllamaStalled(OllamaError, TimeoutError):
    """The server stopped sending, or never began."""

    kind = "ollama_stalled"
    exit_code = 3


class NotOllama(OllamaError, ValueError):
    """What answers is no Ollama: a proxy's page, a redirect."""

    kind = "not_ollama"
    exit_code = 3


class ModelMissing(OllamaError, KeyError):
    """The server does not have the model."""

    kind = "model_missing"
    exit_code = 5


class CloudRefused(OllamaError, PermissionError):
    """The model runs on somebody else's machine, and that was not allowed."""

    kind = "cloud_refused"
    exit_code = 2


class OllamaRefused(OllamaError, ValueError):
    """The server refuses the request, and would again."""

    kind = "ollama_refused"


class PromptTooLong(OllamaError, ValueError):
    """The prompt does not fit into the model's context."""

    kind = "prompt_too_long"


class OllamaFailed(OllamaError, RuntimeError):
    """The server or the model failed."""

    kind = "ollama_failed"


class ReplyCut(OllamaError, EOFError):
    """The stream ended before the reply was complete."""

    kind = "reply_cut"


class ReplyGarbled(OllamaError, ValueError):
    """The stream holds what is no text, or no JSON."""

    kind = "reply_garbled"


class ReplyTooLarge(OllamaError, ValueError):
    """A line of the stream, or the whole reply, is larger than is accepted."""

    kind = "reply_too_large"


class ReplyInvalid(OllamaError, ValueError):
    """The reply is complete and is not what the schema asks for."""

    kind = "reply_invalid"


class InternalError(LakebedError, RuntimeError):
    """lakebed failed in a way it never should. Please report it."""

    kind = "internal"


class PackageMissing(LakebedError, ImportError):
    """A third-party package that this call needs is not installed."""

    kind = "package_missing"
    exit_code = 2


class Interrupted(_Told, KeyboardInterrupt):
    """A long call was stopped by Ctrl-C; the message says what was kept.

    Not a `LakebedError`: like any `KeyboardInterrupt` it must pass through `except Exception`.
    """

    kind = "interrupted"
    exit_code = 130


class _PermissionDenied(StoreIOError, PermissionError):
    pass


class _FileMissing(StoreIOError, FileNotFoundError):
    pass


class _IsADirectory(StoreIOError, IsADirectoryError):
    pass


BY_KIND: dict[str, type[_Told]] = {
    cls.kind: cls
    for cls in (
        LakebedError,
        StoreNotFound,
        CollectionNotFound,
        BlobNotFound,
        AmbiguousPrefix,
        InvalidArgument,
        BadRecord,
        SourceChanged,
        ReadOnly,
        Closed,
        StoreLocked,
        NotAStore,
        FormatTooNew,
        Corrupt,
        Poisoned,
        StoreFull,
        StoreIOError,
        InternalError,
        Interrupted,
        OllamaError,
        OllamaUnreachable,
        OllamaBusy,
        OllamaStalled,
        NotOllama,
        ModelMissing,
        CloudRefused,
        OllamaRefused,
        PromptTooLong,
        OllamaFailed,
        ReplyCut,
        ReplyGarbled,
        ReplyTooLarge,
        ReplyInvalid,
    )
}
"""The class of each kind."""

_IO_BY_ERRNO: dict[int, type[StoreIOError]] = {
    _errno.EACCES: _PermissionDenied,
    _errno.EPERM: _PermissionDenied,
    _errno.ENOENT: _FileMissing,
    _errno.EISDIR: _IsADirectory,
}

for _cls in (*BY_KIND.values(), *_IO_BY_ERRNO.values()):
    if not _cls.__name__.startswith("_"):
        _cls.__module__ = "lakebed"


def error(kind: str, message: str, errno: int | None = None) -> BaseException:
    """The error of this kind. The engine makes all its errors here.

    An `io` error is also the builtin that its `errno` stands for: `PermissionError`, `FileNotFoundError`, `IsADirectoryError`.
    """
    cls = BY_KIND.get(kind, LakebedError)
    if cls is StoreIOError and errno is not None:
        cls = _IO_BY_ERRNO.get(errno, StoreIOError)
    return cls(message, errno=errno)

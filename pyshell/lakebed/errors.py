"""The errors of lakebed: one tree, each class also the builtin exception that a caller would expect.

Every class has a stable `kind` (also the engine's name for it) and an `exit_code` (the exit status of the command
line). The message is a whole sentence: what happened, to which thing, what to do. Messages may change between versions;
kinds do not.
"""

from __future__ import annotations

import errno as _errno
from typing import ClassVar

__all__ = [
    "AmbiguousPrefix",
    "BackendMissing",
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


class _Error(BaseException):
    """What all errors here share: a message, a kind, an exit code, and pickling that keeps all of it."""

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


def _rebuild(cls: type[_Error], message: str, errno: int | None) -> _Error:
    return cls(message, errno=errno)


class LakebedError(_Error, Exception):
    """The base class of all lakebed errors except `Interrupted`."""

    kind = "error"


class BackendMissing(LakebedError, ImportError):
    """No implementation of the store is installed."""

    kind = "backend_missing"
    exit_code = 2


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
    """An ingest cannot be resumed: the file is no longer the one it began with."""

    kind = "source_changed"


class ReadOnly(LakebedError, PermissionError):
    """The call changes the store, which is open for reading only."""

    kind = "read_only"
    exit_code = 2
    _errno = _errno.EROFS


class Closed(LakebedError, ValueError):
    """The store object was closed."""

    kind = "closed"
    exit_code = 2


class StoreLocked(LakebedError, TimeoutError):
    """Another process or store object kept the write lock for longer than `lock_timeout` seconds."""

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
    """A call of the operating system failed; `errno` says why."""

    kind = "io"
    exit_code = 7
    _errno = _errno.EIO


class OllamaError(LakebedError):
    """A request to an Ollama server failed."""

    kind = "ollama"
    status: int | None = None
    """The HTTP status of the response, where there was one."""
    retry_after: float | None = None
    """Seconds to wait before the next request, where the server names them."""


class OllamaUnreachable(OllamaError, ConnectionError):
    """No server answers at the address."""

    kind = "ollama_unreachable"
    exit_code = 3


class OllamaBusy(OllamaError, ConnectionError):
    """The server is overloaded (status 429 or 503)."""

    kind = "ollama_busy"
    exit_code = 3


class OllamaStalled(OllamaError, TimeoutError):
    """The server did not begin to answer in time, or stopped in the middle of a reply."""

    kind = "ollama_stalled"
    exit_code = 3


class NotOllama(OllamaError, ValueError):
    """The server that answers is not Ollama: a proxy's page, a redirect."""

    kind = "not_ollama"
    exit_code = 3


class ModelMissing(OllamaError, KeyError):
    """The server does not have the model."""

    kind = "model_missing"
    exit_code = 5


class CloudRefused(OllamaError, PermissionError):
    """The model runs on a remote service, and remote models are not allowed."""

    kind = "cloud_refused"
    exit_code = 2


class OllamaRefused(OllamaError, ValueError):
    """The server rejects the request; sending it again gives the same answer."""

    kind = "ollama_refused"


class FormatRefused(OllamaRefused):
    """The server rejects the format that replies must have, and so every request that has it."""

    kind = "format_refused"
    exit_code = 2


class PromptTooLong(OllamaError, ValueError):
    """The prompt does not fit into the model's context."""

    kind = "prompt_too_long"


class OllamaFailed(OllamaError, RuntimeError):
    """The server or the model failed."""

    kind = "ollama_failed"
    crashed: bool = False
    """Whether the process that runs the model ended; the server starts it again for the next request."""


class ReplyCut(OllamaError, EOFError):
    """The stream ended before the reply was complete."""

    kind = "reply_cut"


class ReplyTimeout(OllamaError, TimeoutError):
    """The reply was not complete within the time limit of a request."""

    kind = "reply_timeout"


class ThinkingCut(OllamaError, ValueError):
    """A limit stopped the model while it was thinking, before any text of the reply."""

    kind = "thinking_cut"
    thinking: str = ""
    """The model's thinking."""


class ReplyEmpty(OllamaError, ValueError):
    """The reply is complete and has no text."""

    kind = "reply_empty"


class ReplyGarbled(OllamaError, ValueError):
    """The stream contains bytes that are not UTF-8, or a line that is not a JSON object."""

    kind = "reply_garbled"


class ReplyTooLarge(OllamaError, ValueError):
    """A line of the stream, or the whole reply, exceeds the size limit."""

    kind = "reply_too_large"


class ReplyInvalid(OllamaError, ValueError):
    """The reply is complete and does not match the schema."""

    kind = "reply_invalid"


class InternalError(LakebedError, RuntimeError):
    """A bug in lakebed: an invariant does not hold. Please report it."""

    kind = "internal"
    exit_code = 70


class PackageMissing(LakebedError, ImportError):
    """A third-party package that this call needs is not installed."""

    kind = "package_missing"
    exit_code = 2


class Interrupted(_Error, KeyboardInterrupt):
    """Ctrl-C stopped a long call; the message says what was kept.

    Not a `LakebedError`: `except Exception` must not catch it, like any `KeyboardInterrupt`.
    """

    kind = "interrupted"
    exit_code = 130


class _PermissionDenied(StoreIOError, PermissionError):
    pass


class _FileMissing(StoreIOError, FileNotFoundError):
    pass


class _IsADirectory(StoreIOError, IsADirectoryError):
    pass


BY_KIND: dict[str, type[_Error]] = {
    cls.kind: cls
    for cls in (
        LakebedError,
        BackendMissing,
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
        PackageMissing,
        Interrupted,
        OllamaError,
        OllamaUnreachable,
        OllamaBusy,
        OllamaStalled,
        NotOllama,
        ModelMissing,
        CloudRefused,
        OllamaRefused,
        FormatRefused,
        PromptTooLong,
        OllamaFailed,
        ReplyCut,
        ReplyTimeout,
        ThinkingCut,
        ReplyEmpty,
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
    """An error of this kind; the engine creates all its errors with it.

    An `io` error is also the builtin exception of its `errno`: `PermissionError`, `FileNotFoundError`,
    `IsADirectoryError`. A kind that this version does not know is a `LakebedError`.
    """
    cls = BY_KIND.get(kind, LakebedError)
    if cls is StoreIOError and errno is not None:
        cls = _IO_BY_ERRNO.get(errno, StoreIOError)
    return cls(message, errno=errno)

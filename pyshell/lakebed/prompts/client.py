"""What a client of Ollama does. There are two, the engine's in Rust and one on httpx; `server` chooses.

A client sends bytes and returns typed chunks. It knows no templates, rows or store. Both pass the same tests, and both
report what went wrong to `failures.failure`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

__all__ = ["LINE_LIMIT", "REPLY_LIMIT", "STATS", "Chunk", "Client", "Pulled", "ReplyStream", "Timeouts"]

LINE_LIMIT = 16 << 20
"""The longest line of a stream, in bytes."""
REPLY_LIMIT = 64 << 20
"""The longest reply, in characters."""
STATS = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")
"""The statistics of a reply that are kept. Durations are in nanoseconds."""


@dataclass(frozen=True)
class Timeouts:
    """Time limits of a request, in seconds."""

    connect: float = 5.0
    """Until the connection is open."""
    first: float = 600.0
    """Until the first byte of the response: loading a large model, and waiting in the server's queue, take long."""
    stall: float = 120.0
    """Between two pieces of the response."""
    total: float | None = None
    """From sending a request for a reply to the end of the reply; None: no limit."""


Timeouts.__module__ = "lakebed"


class Chunk(NamedTuple):
    """A piece of a reply. The last one has `done`, the reason why it ended, and statistics."""

    content: str = ""
    thinking: str = ""
    tool_calls: tuple[Any, ...] = ()
    done: bool = False
    done_reason: str = ""
    stats: dict[str, int] | None = None
    """Counts, and durations in nanoseconds."""
    remote_host: str = ""
    """The host that ran the model, if it is not the server."""


class Pulled(NamedTuple):
    """The progress of a pull."""

    status: str
    digest: str = ""
    """The digest of the file that is being fetched; empty in other phases."""
    total: int = 0
    """The size of that file, in bytes."""
    completed: int = 0
    """Bytes of it that are there."""


class ReplyStream(Protocol):
    """The chunks of one reply. It ends after a chunk with `done`; if the stream ends before that, it raises."""

    def __iter__(self) -> Iterator[Chunk]: ...
    def __next__(self) -> Chunk: ...
    def close(self) -> None:
        """Closes the connection, which stops the model."""
        ...


class Client(Protocol):
    """A connection pool to one server. Its methods may be called from several threads.

    Every method raises `OllamaError`, and `failures.Canceled` after `abort`. `body` is JSON; `model` is the name of the
    model in errors.
    """

    def chat(self, body: bytes, model: str) -> ReplyStream:
        """POST /api/chat."""
        ...

    def pull(self, body: bytes, model: str) -> Iterator[Pulled]:
        """POST /api/pull."""
        ...

    def call(self, method: Literal["GET", "POST"], path: str, body: bytes | None, model: str) -> bytes:
        """Any other call. Returns the body of a response with status 200."""
        ...

    def abort(self) -> None:
        """Ends all running and future requests; from any thread."""
        ...

    def close(self) -> None:
        """Closes the connections."""
        ...

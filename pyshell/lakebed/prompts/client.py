"""The seam between prompts and the wire: what a client does, and which one runs.

A client sends bytes and gives typed chunks. It knows no templates, no rows, no store. There are two, the engine's in Rust and one on
httpx, with the same tests; what goes wrong they report through `failures.failure`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from lakebed.prompts.address import Address, address

FRAME_LIMIT = 16 << 20
"""Bytes of a line of the stream."""
REPLY_LIMIT = 64 << 20
"""Characters of a whole reply."""
STATS = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")


@dataclass(frozen=True)
class Timeouts:
    """Seconds that are waited."""

    connect: float = 5.0
    first: float = 600.0
    """For the beginning of an answer: loading a large model, and a queue, take long."""
    stall: float = 120.0
    """Between two pieces of an answer."""


class Chunk(NamedTuple):
    """A piece of a reply. The last one has `done`, why it ended, and statistics."""

    content: str = ""
    thinking: str = ""
    tool_calls: tuple[Any, ...] = ()
    done: bool = False
    done_reason: str = ""
    stats: dict[str, int] | None = None
    """Durations are nanoseconds."""
    remote_host: str = ""
    """Where it really ran, when not at the server."""


class Pulled(NamedTuple):
    """How far a pull got."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class Stream(Protocol):
    """Chunks of one reply. It ends after a chunk with `done`, or raises."""

    def __iter__(self) -> Iterator[Chunk]: ...
    def __next__(self) -> Chunk: ...
    def close(self) -> None:
        """Closes the connection, which stops the model."""
        ...


class Client(Protocol):
    """A connection pool to one server. Its methods may be called from several threads."""

    def chat(self, body: bytes, model: str) -> Stream:
        """POST /api/chat."""
        ...

    def pull(self, body: bytes, model: str) -> Iterator[Pulled]:
        """POST /api/pull."""
        ...

    def call(self, method: Literal["GET", "POST"], path: str, body: bytes | None, model: str) -> bytes:
        """Any other call; the body of a 200."""
        ...

    def abort(self) -> None:
        """Ends everything that is under way, and everything that comes; from any thread."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Server:
    """A server and how to talk to it."""

    address: Address
    timeouts: Timeouts = field(default_factory=Timeouts)
    backend: Literal["rust", "httpx", ""] = ""
    """Which client; empty takes the fastest there is."""

    def client(self) -> Client:
        """A client of its own; close it."""
        if self.backend != "httpx":
            try:
                from lakebed._engine import OllamaClient as Rust
            except ImportError:
                if self.backend == "rust":
                    raise
            else:
                waits = self.timeouts
                return Rust(
                    self.address.url,
                    headers=dict(self.address.headers),
                    proxies=not self.address.is_loopback,
                    connect=waits.connect,
                    first=waits.first,
                    stall=waits.stall,
                    line_limit=FRAME_LIMIT,
                )
        from lakebed.prompts.httpx_client import HttpxClient

        return HttpxClient(self.address, self.timeouts)


def server(host: str | None = None, timeouts: Timeouts | None = None) -> Server:
    """The server that `host`, the environment or the default names."""
    backend = os.environ.get("LAKEBED_OLLAMA_CLIENT", "")
    return Server(address(host, os.environ), timeouts or Timeouts(), backend if backend in ("rust", "httpx") else "")  # type: ignore[arg-type]

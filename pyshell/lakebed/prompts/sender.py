"""Sending a request until there is a complete reply, or an error of the row."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakebed.errors import (
    CloudRefused,
    InternalError,
    LakebedError,
    OllamaError,
    OllamaStalled,
    ReplyInvalid,
    ReplyTooLarge,
)
from lakebed.prompts.circuit_breaker import CircuitBreaker
from lakebed.prompts.client import REPLY_LIMIT, Chunk, Client
from lakebed.prompts.failures import attempts_worthwhile, is_server_trouble
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.request import RequestSettings
from lakebed.prompts.storage import Reply, timestamp

__all__ = ["PendingRequest", "ReplyBuilder", "Sender", "SenderThreads", "cloud_refused"]

_STALLS = 3
"""Stalls of one request, while others are answered, after which it fails."""


@dataclass
class PendingRequest:
    """A request that is being sent, with its outcome, and the rows that wait for it."""

    hash: str
    """The hash of the request."""
    data: bytes
    """The canonical bytes of the request."""
    messages: str
    """The canonical JSON of its messages."""
    images: Mapping[str, bytes] = field(default_factory=dict)
    """Images that the store does not have yet, by hash."""
    rows: list[Any] = field(default_factory=list)
    reply: Reply | None = None
    value: Any = None
    """The value of the reply, if a format was demanded."""
    text: str | None = None
    """The text of a reply that is invalid."""
    error: BaseException | None = None


@dataclass(frozen=True)
class Sender:
    """Sends the requests of a run."""

    client: Client
    settings: RequestSettings
    body: Callable[[PendingRequest], bytes]
    format: ReplyFormat | None
    breaker: CircuitBreaker
    allow_cloud: bool = False
    on_chunk: Callable[[PendingRequest, Chunk | None], None] | None = None
    """Called with each chunk, and with None when the chunks so far are discarded because the request is sent again."""
    backoff: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""

    def send(self, pending: PendingRequest) -> None:
        """Sets the reply or the error of the request; never raises."""
        try:
            self._send_until_done(pending)
        except BaseException as error:  # noqa: BLE001  (the run raises it or records it for the rows)
            pending.error = error

    def _send_until_done(self, pending: PendingRequest) -> None:
        body = self.body(pending)
        failures = invalid = stalls = attempts = 0
        while True:
            self.breaker.wait_to_send()
            answers = self.breaker.answers
            attempts += 1
            try:
                reply = self._send_once(pending, body, attempts)
                self.breaker.answered()
                if self.format is not None:
                    pending.value = self.format.value(reply.text, cut=reply.done_reason == "length")
                pending.reply = reply
                return
            except ReplyInvalid:
                pending.text = reply.text
                invalid += 1
                if invalid > 1:
                    raise
            except OllamaError as error:
                if is_server_trouble(error):
                    # A request that stalls while others are answered is itself the trouble.
                    stalls += isinstance(error, OllamaStalled) and self.breaker.answers > answers
                    if stalls >= _STALLS:
                        raise
                    self.breaker.failed(error)
                else:
                    self.breaker.answered()
                    failures += 1
                    if failures >= attempts_worthwhile(error):
                        raise
                    self.breaker.pause(max(self.backoff * 2 ** (failures - 1), error.retry_after or 0))
            if self.on_chunk is not None:
                self.on_chunk(pending, None)

    def _send_once(self, pending: PendingRequest, body: bytes, attempt: int) -> Reply:
        builder = ReplyBuilder(self.settings, allow_cloud=self.allow_cloud)
        stream = self.client.chat(body, self.settings.model)
        try:
            for chunk in stream:
                builder.add(chunk)
                if self.on_chunk is not None:
                    self.on_chunk(pending, chunk)
        finally:
            stream.close()
        return builder.reply(pending.hash, attempt)


class ReplyBuilder:
    """Builds a reply from chunks. A reply that cannot be kept is an error as soon as that is known."""

    def __init__(self, settings: RequestSettings, *, allow_cloud: bool) -> None:
        self._settings = settings
        self._allow_cloud = allow_cloud
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Any] = []
        self._size = 0
        self._asked_at = timestamp()
        self._start = time.perf_counter()
        self._first: float | None = None
        self._last: Chunk | None = None

    def add(self, chunk: Chunk) -> None:
        """Adds the next chunk. Raises `CloudRefused`, `ReplyTooLarge`."""
        if self._first is None:
            self._first = time.perf_counter() - self._start
        if chunk.remote_host and not self._allow_cloud:
            raise cloud_refused(self._settings.model, chunk.remote_host)
        if chunk.content:
            self._content.append(chunk.content)
        if chunk.thinking:
            self._thinking.append(chunk.thinking)
        self._calls += chunk.tool_calls
        self._size += len(chunk.content) + len(chunk.thinking)
        if self._size > REPLY_LIMIT:
            message = (
                f"The reply of {self._settings.model} is larger than {REPLY_LIMIT >> 20} MiB: nothing of it was kept."
            )
            raise ReplyTooLarge(message)
        if chunk.done:
            self._last = chunk

    def reply(self, request: str, attempt: int) -> Reply:
        """The complete reply, after the stream has ended. `request` is the hash of the request, `attempt` counts from
        1."""
        if self._last is None:
            raise InternalError(
                "The stream of a reply ended without its last chunk and without an error. Please report this."
            )
        return Reply(
            request=request,
            model=self._settings.model,
            digest=self._settings.digest,
            text="".join(self._content),
            thinking="".join(self._thinking),
            tool_calls=tuple(self._calls),
            done_reason=self._last.done_reason,
            stats=self._last.stats or {},
            attempts=attempt,
            asked_at=self._asked_at,
            seconds=time.perf_counter() - self._start,
            first_seconds=self._first or 0.0,
        )


def cloud_refused(model: str, host: str) -> LakebedError:
    """The error for a model that does not run on the server itself."""
    return CloudRefused(
        f"{model} runs at {host}, not on this server, and prompts hold your data: allow it with --allow-cloud (allow_cloud=True)."
    )


class SenderThreads:
    """Threads that send requests, started as they are needed."""

    def __init__(self, sender: Sender, count: int, done: Callable[[PendingRequest], None]) -> None:
        """`count`: threads at most. `done` is called with each request that has its outcome, by the thread that sent
        it."""
        self._sender = sender
        self._count = count
        self._done = done
        self._requests: queue.SimpleQueue[PendingRequest | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, pending: PendingRequest) -> None:
        """Queues a request."""
        self._requests.put(pending)
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name=f"lakebed-ask-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (pending := self._requests.get()) is not None:
            self._sender.send(pending)
            self._done(pending)

    def close(self) -> None:
        """Waits until all requests are sent. Those that are not sent yet fail at once if the circuit breaker is
        cancelled."""
        for _ in self._threads:
            self._requests.put(None)
        for thread in self._threads:
            thread.join()

"""Sending a request until there is a complete reply, or an error of the row."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakebed.errors import OllamaError, OllamaStalled, ReplyCut, ReplyInvalid
from lakebed.prompts.circuit_breaker import CircuitBreaker
from lakebed.prompts.client import Chunk, Client
from lakebed.prompts.failures import attempts_worthwhile, is_server_trouble, reply_empty, thinking_cut
from lakebed.prompts.model_watch import ModelWatch
from lakebed.prompts.reply_builder import ReplyBuilder, is_cut_while_thinking
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.request import RequestSettings
from lakebed.prompts.request_cost import RequestCost, TokenRatio
from lakebed.prompts.storage import Reply

__all__ = ["PendingRequest", "Sender", "SenderThreads"]

_STALLS = 3
"""Stalls of one request, while others are answered, after which it fails."""


@dataclass
class PendingRequest:
    """A request that is being sent, with its outcome, and the rows that wait for it."""

    hash: str
    """The hash of the request, whose digest may turn out to be another one."""
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
    cost: RequestCost = field(default_factory=RequestCost)
    digest: str = ""
    """The digest in the request."""
    epoch: int = 0
    """The epoch of the model's version when the request was sent the last time."""
    began: float = 0.0
    """When the reply to it began."""

    def __post_init__(self) -> None:
        self.key = self.hash
        """The hash of the request when it was made."""


@dataclass(frozen=True)
class Sender:
    """Sends the requests of a run."""

    client: Client
    settings: RequestSettings
    body: Callable[[PendingRequest], bytes]
    format: ReplyFormat | None
    breaker: CircuitBreaker
    watch: ModelWatch
    ratio: TokenRatio
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
        broke = False
        while True:
            is_probe = self.breaker.wait_to_send()
            answers = self.breaker.answers
            try:
                # While the server was away, the model may have changed.
                if is_probe:
                    self.watch.look()
                elif broke:
                    with contextlib.suppress(OllamaError):
                        self.watch.look()
                attempts += 1
                reply = self._send_once(pending, body, attempts)
                self.breaker.answered()
                if is_cut_while_thinking(reply):
                    raise thinking_cut(reply.model, reply.stats.get("eval_count"), reply.thinking)
                if reply.is_empty:
                    raise reply_empty(reply.model, reply.done_reason)
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
                    broke = isinstance(error, ReplyCut)
                    self.breaker.answered()
                    failures += 1
                    if failures >= attempts_worthwhile(error):
                        raise
                    self.breaker.pause(max(self.backoff * 2 ** (failures - 1), error.retry_after or 0))
            if self.on_chunk is not None:
                self.on_chunk(pending, None)

    def _send_once(self, pending: PendingRequest, body: bytes, attempt: int) -> Reply:
        builder = ReplyBuilder(self.settings, allow_cloud=self.allow_cloud)
        pending.epoch = self.watch.epoch
        pending.cost.begin()
        pending.began = 0.0
        characters = len(pending.messages)
        stream = self.client.chat(body, self.settings.model)
        try:
            for chunk in stream:
                if not pending.began:
                    pending.began = self.watch.reply_begins()
                pending.cost.add(chunk, characters, self.ratio)
                builder.add(chunk)
                if self.on_chunk is not None:
                    self.on_chunk(pending, chunk)
        finally:
            stream.close()
        return builder.reply(pending.hash, attempt)


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

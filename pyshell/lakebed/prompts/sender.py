"""Asking one question until there is a complete reply, or an error that is the row's."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakebed.errors import CloudRefused, LakebedError, OllamaError, OllamaStalled, ReplyInvalid, ReplyTooLarge
from lakebed.prompts.circuit_breaker import Gate
from lakebed.prompts.client import REPLY_LIMIT, Chunk, Client
from lakebed.prompts.failures import Canceled, pauses, tries
from lakebed.prompts.reply_format import Format
from lakebed.prompts.request import Question
from lakebed.prompts.storage import Reply, now

_STALLS = 3


@dataclass
class Job:
    """A request that is asked, and who waits for it."""

    request: str
    """Its hash."""
    data: bytes
    messages: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    """Images that are not in the store yet, by hash."""
    rows: list[Any] = field(default_factory=list)
    reply: Reply | None = None
    value: Any = None
    text: str | None = None
    """What was said, when it is no reply."""
    error: BaseException | None = None


@dataclass(frozen=True)
class Asker:
    """What all jobs of a run share."""

    client: Client
    question: Question
    body: Callable[[Job], bytes]
    format: Format | None
    gate: Gate
    allow_cloud: bool = False
    told: Callable[[Job, Chunk | None], None] | None = None
    """Told of each piece; None: what was said so far does not count."""
    backoff: float = 0.5

    def ask(self, job: Job) -> None:
        """Fills in the job's reply or error; never raises."""
        try:
            self._until_done(job)
        except BaseException as error:  # noqa: BLE001  (it is told to whoever waits for the job)
            job.error = error

    def _until_done(self, job: Job) -> None:
        body = self.body(job)
        failed = invalid = stalls = attempts = 0
        while True:
            self.gate.enter()
            answers = self.gate.answers
            attempts += 1
            try:
                reply = self._once(job, body, attempts)
                self.gate.answered()
                if self.format is not None:
                    job.value = self.format.value(reply.text, cut=reply.done_reason == "length")
                job.reply = reply
                return
            except ReplyInvalid:
                job.text = reply.text
                invalid += 1
                if invalid > 1:
                    raise
            except OllamaError as error:
                if pauses(error):
                    # It is the server's trouble, unless others are answered and this one never is.
                    stalls += isinstance(error, OllamaStalled) and self.gate.answers > answers
                    if stalls >= _STALLS:
                        raise
                    self.gate.failed(error)
                else:
                    self.gate.answered()
                    failed += 1
                    if failed >= tries(error):
                        raise
                    self.gate.pause(max(self.backoff * 2 ** (failed - 1), error.retry_after or 0))
            if self.told is not None:
                self.told(job, None)

    def _once(self, job: Job, body: bytes, attempt: int) -> Reply:
        heard = Heard(self.question, allow_cloud=self.allow_cloud)
        stream = self.client.chat(body, self.question.model)
        try:
            for chunk in stream:
                heard.add(chunk)
                if self.told is not None:
                    self.told(job, chunk)
        finally:
            stream.close()
        return heard.reply(job.request, attempt)


class Heard:
    """A reply as it comes together; what is no reply to keep is an error as soon as that is known."""

    def __init__(self, question: Question, *, allow_cloud: bool) -> None:
        self._question = question
        self._allow_cloud = allow_cloud
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Any] = []
        self._size = 0
        self._asked_at = now()
        self._start = time.perf_counter()
        self._first: float | None = None
        self._last: Chunk | None = None

    def add(self, chunk: Chunk) -> None:
        """The next piece."""
        if self._first is None:
            self._first = time.perf_counter() - self._start
        if chunk.remote_host and not self._allow_cloud:
            raise cloud_refused(self._question.model, chunk.remote_host)
        if chunk.content:
            self._content.append(chunk.content)
        if chunk.thinking:
            self._thinking.append(chunk.thinking)
        self._calls += chunk.tool_calls
        self._size += len(chunk.content) + len(chunk.thinking)
        if self._size > REPLY_LIMIT:
            message = (
                f"The reply of {self._question.model} is larger than {REPLY_LIMIT >> 20} MiB: nothing of it was kept."
            )
            raise ReplyTooLarge(message)
        if chunk.done:
            self._last = chunk

    def reply(self, request: str, attempt: int) -> Reply:
        """The whole reply, once the stream has ended."""
        assert self._last is not None, "a stream without its last chunk raises"
        return Reply(
            request=request,
            model=self._question.model,
            digest=self._question.digest,
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
    """The error for a model that does not run where the server is."""
    return CloudRefused(
        f"{model} runs at {host}, not on this server, and prompts hold your data: allow it with --allow-cloud (allow_cloud=True)."
    )


class Workers:
    """Threads that ask; what they did comes back through `done`."""

    def __init__(self, asker: Asker, count: int, done: Callable[[Job], None]) -> None:
        self._asker = asker
        self._count = count
        self._done = done
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job) -> None:
        """Hands over a job."""
        self._jobs.put(job)
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name=f"lakebed-ask-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._asker.ask(job)
            self._done(job)

    def close(self) -> None:
        """Waits for what is under way; what has not begun is asked too, unless the gate is cancelled."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()


__all__ = ["Asker", "Canceled", "Heard", "Job", "Workers", "cloud_refused"]

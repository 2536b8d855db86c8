"""A reply, built from the chunks of its stream."""

from __future__ import annotations

import time
from typing import Any

from lakebed.errors import InternalError, ReplyTooLarge
from lakebed.prompts.client import REPLY_LIMIT, Chunk
from lakebed.prompts.failures import cloud_refused
from lakebed.prompts.reply_text import split_reply
from lakebed.prompts.request import RequestSettings
from lakebed.prompts.storage import Reply, timestamp

__all__ = ["ReplyBuilder", "is_cut_while_thinking"]


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
        raw = "".join(self._content)
        split = split_reply(raw, json=self._settings.format is not None)
        return Reply(
            request=request,
            model=self._settings.model,
            digest=self._settings.digest,
            text=split.text,
            raw=raw if split.text != raw else None,
            thinking="".join(self._thinking) or split.thinking,
            tool_calls=tuple(self._calls),
            done_reason=self._last.done_reason,
            stats=self._last.stats or {},
            attempts=attempt,
            asked_at=self._asked_at,
            seconds=time.perf_counter() - self._start,
            first_seconds=self._first or 0.0,
        )


def is_cut_while_thinking(reply: Reply) -> bool:
    """Whether a limit stopped the model before the text of the reply began."""
    cut = reply.done_reason == "length" and bool(reply.thinking)
    return cut and not reply.text.strip() and not reply.tool_calls

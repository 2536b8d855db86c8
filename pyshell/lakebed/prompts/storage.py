"""What prompts store, and the indexes that find it.

It is rows of JSON in collections: `_requests` (canonical requests), `_replies`, `_runs` (a row when a run begins and
one when it ends), `_prompts` (saved templates), and the results in a collection of the user's choice. A reply names its
request by hash, a result its request and its reply. A reply is stored once per request, even if several processes send
the same request at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring as quote
from typing import Any, NamedTuple

from lakebed._records import to_json
from lakebed.errors import CollectionNotFound
from lakebed.prompts.reply_text import split_reply
from lakebed.prompts.seq_index import SeqIndex, key_of
from lakebed.prompts.template import Number
from lakebed.store import Store

__all__ = [
    "PROMPTS",
    "REPLIES",
    "REQUESTS",
    "RUNS",
    "Reply",
    "ReplyIndex",
    "StoredReply",
    "collection_rows",
    "new_run_id",
    "result_row",
    "stored_reply",
    "timestamp",
    "with_numbers",
]

REQUESTS, REPLIES, RUNS, PROMPTS = "_requests", "_replies", "_runs", "_prompts"
_REQUEST_KEY = b'{"request":"'


@dataclass(frozen=True)
class Reply:
    """A complete reply."""

    request: str
    """The hash of its request."""
    model: str
    digest: str
    text: str
    """The text without thoughts and the fence around JSON."""
    thinking: str
    tool_calls: tuple[Any, ...]
    done_reason: str
    stats: Mapping[str, int]
    attempts: int
    """How often the request was sent."""
    asked_at: str
    """When it was sent the last time, ISO 8601 in UTC."""
    seconds: float
    """From sending to the end of the reply."""
    first_seconds: float
    """From sending to the first chunk."""
    raw: str | None = None
    """The text as the model wrote it, if it is another."""

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not self.text.strip() and not self.tool_calls

    def data(self) -> bytes:
        """The bytes that are stored."""
        return to_json(
            {
                "request": self.request,
                "model": self.model,
                "digest": self.digest,
                "text": self.text,
                **({} if self.raw is None else {"raw": self.raw}),
                "thinking": self.thinking or None,
                "tool_calls": list(self.tool_calls) or None,
                "done_reason": self.done_reason,
                "stats": dict(self.stats),
                "attempts": self.attempts,
                "asked_at": self.asked_at,
                "seconds": round(self.seconds, 6),
                "first_seconds": round(self.first_seconds, 6),
            }
        )


class StoredReply(NamedTuple):
    """A reply in the store."""

    hash: str
    request: str
    text: str
    raw: str
    """The text as the model wrote it."""
    thinking: str
    tool_calls: list[Any]
    done_reason: str
    stats: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: such a reply was stored by an older version, and is no answer."""
        return not self.text.strip() and not self.tool_calls


def stored_reply(hash: str, data: bytes) -> StoredReply:
    """The reply with this hash and these bytes."""
    value = json.loads(data)
    text, thinking = value["text"], value.get("thinking") or ""
    if "raw" not in value:
        # An older version stored the text as it was.
        text, thoughts = split_reply(text)
        thinking = thinking or thoughts
    return StoredReply(
        hash,
        value["request"],
        text,
        value.get("raw", value["text"]),
        thinking,
        value.get("tool_calls") or [],
        value.get("done_reason") or "",
        value.get("stats") or {},
    )


class ReplyIndex:
    """The replies of a store by request, including those that other processes store meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = SeqIndex()
        self._next = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Adds the rows that were appended since the last call."""
        for seq, data in collection_rows(self._store, REPLIES, self._next):
            self._index.add(_key(data), seq)
            self._next = seq + 1

    def find(self, request: str) -> StoredReply | None:
        """The newest reply to the request with this hash that says something."""
        for seq in self._index.find(key_of(bytes.fromhex(request))):
            for row in self._store.scan(REPLIES, seq, seq + 1):
                if _request_of(row.data) == request and not (reply := stored_reply(str(row.hash), row.data)).is_empty:
                    return reply
        return None

    def add(self, replies: Sequence[bytes]) -> bool:
        """Appends replies to the pending group.

        Returns False, and discards the pending group, if other processes have stored replies since the last call.
        """
        report = self._store.append(REPLIES, list(replies))
        first = report.first_seq
        if first is not None and first > self._next:
            known = len(self._index)
            # This object holds the write lock now: rows before `first` are those that others committed.
            for seq, data in collection_rows(self._store, REPLIES, self._next, first):
                self._index.add(_key(data), seq)
            self._next = first
            if len(self._index) > known:
                self._store.rollback()
                self._store.refresh()
                return False
        for number, data in enumerate(replies):
            self._index.add(_key(data), self._next + number)
        self._next += len(replies)
        return True


def _request_of(data: bytes) -> str:
    if data.startswith(_REQUEST_KEY) and data[76:77] == b'"':
        return data[12:76].decode()
    value = json.loads(data)
    return str(value.get("request", "")) if isinstance(value, dict) else ""


def _key(data: bytes) -> int:
    try:
        return key_of(bytes.fromhex(_request_of(data)))
    except ValueError:
        # A row that prompts did not write; its key is never searched for.
        return 0


def collection_rows(
    store: Store, collection: str, start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The sequence number and the bytes of each row; none if there is no such collection."""
    try:
        rows = store.scan(collection, start, stop)
    except CollectionNotFound:
        return
    for row in rows:
        yield row.seq, row.data


# --- Results ---


def result_row(
    run: str,
    n: int,
    input: str,
    sources: str,
    request: str,
    reply: str | None,
    text: str | None,
    value: str,
    error: str,
) -> bytes:
    """The row of a result. `input`, `sources`, `value` and `error` are JSON; `request` and `reply` are hashes."""
    reply_json = f'"{reply}"' if reply else "null"
    text_json = "null" if text is None else quote(text)
    return (
        f'{{"run":"{run}","n":{n},"input":{input},"sources":{sources},"request":"{request}","reply":{reply_json},'
        f'"text":{text_json},"value":{value},"error":{error}}}'
    ).encode()


# --- Runs ---


def timestamp() -> str:
    """The current time as rows contain it: ISO 8601 in UTC, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_run_id() -> str:
    """A new id of a run: the time, and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"


def with_numbers(value: object) -> object:
    """A value that `template.parse` returned, with its `Number`s as numbers of Python."""
    match value:
        case Number():
            return json.loads(value)
        case dict():
            return {key: with_numbers(one) for key, one in value.items()}
        case list():
            return [with_numbers(one) for one in value]
    return value

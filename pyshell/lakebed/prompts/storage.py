"""What prompts leave in the store, and how it is found again.

Collections with names of their own hold it, as rows of JSON like any other: `_requests` (canonical requests), `_replies`, `_runs`
(a row when a run begins and one when it ends), `_prompts` (saved templates), and the results where the user wants them. A reply names
its request by hash, a result its request and its reply. A reply is stored once per request, also when several processes ask the same
at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring as quote
from typing import Any, NamedTuple

from lakebed._backend import Hash
from lakebed._records import to_json
from lakebed.errors import CollectionNotFound
from lakebed.prompts.seq_index import SeqIndex, key_of
from lakebed.prompts.template import Number, dump, parse
from lakebed.store import Store

REQUESTS, REPLIES, RUNS, PROMPTS = "_requests", "_replies", "_runs", "_prompts"
_BEGINNING = b'{"request":"'


@dataclass(frozen=True)
class Reply:
    """A complete reply."""

    request: str
    model: str
    digest: str
    text: str
    thinking: str
    tool_calls: tuple[Any, ...]
    done_reason: str
    stats: Mapping[str, int]
    attempts: int
    asked_at: str
    seconds: float
    first_seconds: float

    def data(self) -> bytes:
        """The blob."""
        return to_json(
            {
                "request": self.request,
                "model": self.model,
                "digest": self.digest,
                "text": self.text,
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


class Stored(NamedTuple):
    """A reply as it lies in the store."""

    hash: str
    request: str
    text: str
    thinking: str
    tool_calls: list[Any]
    done_reason: str
    stats: dict[str, int]


def stored(hash: str, data: bytes) -> Stored:
    """The reply of a blob."""
    value = json.loads(data)
    return Stored(
        hash,
        value["request"],
        value["text"],
        value.get("thinking") or "",
        value.get("tool_calls") or [],
        value.get("done_reason") or "",
        value.get("stats") or {},
    )


class Replies:
    """The replies of a store by request, kept up to date with what others store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = SeqIndex()
        self._next = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Learns of the rows added since."""
        for seq, data in _rows(self._store, REPLIES, self._next):
            self._index.add(_key(data), seq)
            self._next = seq + 1

    def find(self, request: str) -> Stored | None:
        """The newest reply to a request."""
        for seq in self._index.find(key_of(bytes.fromhex(request))):
            for row in self._store.scan(REPLIES, seq, seq + 1):
                if _request_of(row.data) == request:
                    return stored(str(row.hash), row.data)
        return None

    def add(self, replies: Sequence[bytes]) -> bool:
        """Appends replies to the pending group. False, and everything pending forgotten, when others stored some in the meantime."""
        report = self._store.append(REPLIES, list(replies))
        first = report.first_seq
        if first is not None and first > self._next:
            known = len(self._index)
            # With the lock held, what is before ours is what others committed.
            for seq, data in _rows(self._store, REPLIES, self._next, first):
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
    if data.startswith(_BEGINNING) and data[76:77] == b'"':
        return data[12:76].decode()
    value = json.loads(data)
    return str(value.get("request", "")) if isinstance(value, dict) else ""


def _key(data: bytes) -> int:
    try:
        return key_of(bytes.fromhex(_request_of(data)))
    except ValueError:
        # A row that somebody else put there; it is never found.
        return 0


def _rows(store: Store, collection: str, start: int, stop: int | None = None) -> Iterable[tuple[int, bytes]]:
    try:
        rows = store.scan(collection, start, stop)
    except CollectionNotFound:
        return
    for row in rows:
        yield row.seq, row.data


# --- Results ----------------------------------------------------------------------------------------------------------------


def result(
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
    """A result row. `input`, `sources`, `value` and `error` are JSON already."""
    named = f'"{reply}"' if reply else "null"
    told = "null" if text is None else quote(text)
    return (
        f'{{"run":"{run}","n":{n},"input":{input},"sources":{sources},"request":"{request}","reply":{named},'
        f'"text":{told},"value":{value},"error":{error}}}'
    ).encode()


def result_key(request: str, values: object, sources: object) -> int:
    """What makes a result the same as another: request, input, source rows."""
    return key_of(bytes(Hash.of(f"{request}{_comparable(values)}{_comparable(sources)}".encode())))


_sorted: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def _comparable(value: object) -> str:
    return _sorted(value)


class Results:
    """The rows without an error that a collection has already; each stands for one input row."""

    def __init__(self, store: Store, collection: str) -> None:
        self._store = store
        self._collection = collection
        self._index = SeqIndex()
        self._used = bytearray()
        for seq, data in _rows(store, collection, 0):
            if b'"error":null}' not in data[-16:]:
                continue
            if (found := _result(data)) is not None:
                self._index.add(result_key(*found), seq)
                self._used += bytes(max(0, seq + 1 - len(self._used)))

    def take(self, request: str, values: object, sources: object) -> bool:
        """Whether there is such a row that no other input row stands for."""
        for seq in self._index.find(result_key(request, values, sources)):
            if self._used[seq]:
                continue
            for row in self._store.scan(self._collection, seq, seq + 1):
                if _result(row.data) == (request, values, sources):
                    self._used[seq] = 1
                    return True
        return False

    def __len__(self) -> int:
        return len(self._index)


def _result(data: bytes) -> tuple[str, Any, object] | None:
    try:
        row = parse(data)
        return row["request"], row["input"], number(row["sources"])
    except (ValueError, KeyError, TypeError):
        return None


# --- Runs -------------------------------------------------------------------------------------------------------------------


def now() -> str:
    """The time, as rows have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_run() -> str:
    """A run's name: when it began, and a little chance."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"


def number(value: object) -> object:
    """JSON's numbers back from text."""
    match value:
        case Number():
            return json.loads(value)
        case dict():
            return {key: number(one) for key, one in value.items()}
        case list():
            return [number(one) for one in value]
    return value


__all__ = [
    "PROMPTS",
    "REPLIES",
    "REQUESTS",
    "RUNS",
    "Replies",
    "Reply",
    "Results",
    "Stored",
    "dump",
    "new_run",
    "now",
    "number",
    "result",
    "result_key",
    "stored",
]

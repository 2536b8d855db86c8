"""The plan of a run: its settings, checked before the first request, and the request of each row."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from lakebed._process import machine, process_mark
from lakebed._types import Hash
from lakebed.errors import CollectionNotFound, InvalidArgument, LakebedError
from lakebed.prompts import storage
from lakebed.prompts.circuit_breaker import CircuitBreaker
from lakebed.prompts.client import Chunk, Client
from lakebed.prompts.input_rows import InputRow, InputRows
from lakebed.prompts.model_names import name_key
from lakebed.prompts.model_watch import ModelWatch
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.request import RequestBuilder, RequestSettings, user_message, without_digest
from lakebed.prompts.request_cost import TokenRatio
from lakebed.prompts.sender import PendingRequest, Sender
from lakebed.prompts.storage import ReplyIndex, StoredReply
from lakebed.prompts.template import Template, dump
from lakebed.store import Store


class PreparedRow(NamedTuple):
    """An input row with its request."""

    request: str
    """The hash of the request."""
    data: bytes
    """The canonical bytes of the request."""
    messages: str
    """The canonical JSON of its messages."""
    prompt: str
    values: dict[str, Any]
    """The row as it is stored: images as hashes, other binary data as base64."""
    input: str
    """The same as JSON."""
    images: dict[str, bytes]
    """Images that are not in the store yet, by hash."""
    error: BaseException | None = None
    """Why it cannot be sent, or has no reply."""
    text: str | None = None
    """With an error: the text of an invalid reply."""


@dataclass
class RunPlan:
    """The settings of a run; made by `api.prompt`. Raises `InvalidArgument` for settings that do not fit."""

    store: Store
    client: Client
    settings: RequestSettings
    template: Template
    rows: InputRows
    watch: ModelWatch
    """The digest of the model during the run."""
    system: str | None = None
    image: str | None = None
    """The column with images."""
    format: ReplyFormat | None = None
    into: str | None = "results"
    """The collection of the results."""
    query: str | None = None
    save: tuple[str, bytes] | None = None
    """A template to save: its name and row."""
    jobs: int = 2
    """Requests at a time."""
    wait: float = 1800.0
    """Seconds of trouble after which the server counts as lost."""
    max_errors: int = 50
    """Rows with errors after which the run ends."""
    fresh: bool = False
    """Send also requests whose reply is in the store."""
    any_digest: bool = False
    """Accept replies of other versions of the model."""
    allow_cloud: bool = False
    raw: bool = False
    """Leave thoughts and fences in the text of results."""
    backoff: float = 0.5
    """Seconds before the second attempt of a request, and before the first probe of a server in trouble."""
    notes: list[str] = field(default_factory=list)
    """Remarks for the user."""
    at_end: list[Callable[[], None]] = field(default_factory=list)
    """Called by `close`, last first."""

    def __post_init__(self) -> None:
        if self.jobs < 1 or self.jobs > 256:
            message = f"The number of requests at a time is from 1 to 256, not {self.jobs}."
            raise InvalidArgument(message)
        if self.max_errors < 1 or self.wait < 0:
            message = "max_errors is at least 1, and wait at least 0 seconds."
            raise InvalidArgument(message)
        self.template.check(self.rows.columns, self.rows.children)
        if self.image is not None and self.image not in self.rows.columns:
            Template(f"{{{self.image}}}").check(self.rows.columns)
        self.builder = RequestBuilder(self.settings)
        self.breaker = CircuitBreaker(self.wait, self.backoff)
        self.ratio = TokenRatio()
        self._older = self._older_requests() if self.any_digest else {}

    @cached_property
    def replies(self) -> ReplyIndex:
        """The replies of the store; read when the first row needs one."""
        return ReplyIndex(self.store)

    # --- Rows ---

    def prepare(self, row: InputRow) -> PreparedRow:
        """The request of a row. An error of the row is in the result and not raised."""
        error: BaseException | None = None
        images: list[str] = []
        image_bytes: dict[str, bytes] = {}
        values, text = row.values, row.json
        if row.blobs:
            values = dict(values)
            for name, data in row.blobs.items():
                if name == self.image:
                    hash = str(Hash.of(data))
                    image_bytes[hash] = data
                    values[name] = hash
                else:
                    values[name] = base64.b64encode(data).decode()
            text = dump(values)
        try:
            if row.n > 1 or not values:
                missing = [
                    name for name in self.template.fields if name not in values and name.split(".")[0] not in values
                ]
                if missing:
                    message = f"the row has no column {missing[0]}."
                    raise InvalidArgument(message)
            images = self._images(values, image_bytes)
            prompt = self.template.render(values)
        except LakebedError as problem:
            error, prompt = problem, ""
        messages = user_message(prompt, self.system, images)
        data = self.builder.request(messages)
        return PreparedRow(str(Hash.of(data)), data, messages, prompt, values, text, image_bytes, error)

    def _images(self, values: dict[str, Any], given: Mapping[str, bytes]) -> list[str]:
        """The hashes of a row's images."""
        if self.image is None:
            return []
        value = values.get(self.image)
        names = value if isinstance(value, list) else [] if value is None else [value]
        return [name if name in given else str(self.store.resolve(str(name))) for name in names]

    def known(self, prepared: PreparedRow) -> StoredReply | None:
        """The reply to a row's request that the store has."""
        found = self.replies.find(prepared.request)
        if found is None and self._older:
            older = self._older.get(str(Hash.of(without_digest(prepared.data))))
            found = self.replies.find(older) if older is not None else None
        return found

    def _older_requests(self) -> dict[str, str]:
        """The hashes of answered requests to any version of the model, by the hash of the request without its
        digest."""
        found: dict[str, str] = {}
        try:
            rows = self.store.scan(storage.REPLIES)
        except CollectionNotFound:
            return found
        for row in rows:
            reply = row.json()
            if reply.get("model") == self.settings.model and reply["request"] in self.store:
                found[str(Hash.of(without_digest(self.store.get(reply["request"]))))] = reply["request"]
        return found

    # --- Another digest ---

    def use_digest(self, digest: str) -> None:
        """Makes the requests of further rows with this digest."""
        self.settings = replace(self.settings, digest=digest)
        self.builder = RequestBuilder(self.settings)

    def with_digest(self, pending: PendingRequest, digest: str) -> None:
        """Gives a request that has its reply, the reply and their rows another digest; empty if it is not known."""
        if pending.reply is None or pending.digest == pending.reply.digest == digest:
            return
        builder = RequestBuilder(replace(self.settings, digest=digest))
        pending.data = builder.request(pending.messages)
        pending.hash, pending.digest = str(Hash.of(pending.data)), digest
        pending.reply = replace(pending.reply, digest=digest, request=pending.hash)
        for one in pending.rows:
            one.prepared = one.prepared._replace(request=pending.hash, data=pending.data)

    # --- Sending ---

    def sender(self, on_chunk: Callable[[PendingRequest, Chunk | None], None] | None) -> Sender:
        """The sender of the run's requests; `on_chunk` as in `Sender`."""
        return Sender(
            self.client,
            self.settings,
            self._body,
            self.format,
            self.breaker,
            self.watch,
            self.ratio,
            self.allow_cloud,
            on_chunk,
            self.backoff,
        )

    def _body(self, pending: PendingRequest) -> bytes:
        def image(hash: str) -> bytes:
            return pending.images[hash] if hash in pending.images else self.store.get(hash)

        return self.builder.body(pending.messages, image)

    # --- Rows of the
    # run -------------------------------------------------------------------------------------------------

    def begin_row(self, run: str) -> dict[str, Any]:
        """The row of `_runs` when the run with this id begins."""
        settings = self.settings
        return {
            "run": run,
            "event": "begin",
            "at": storage.timestamp(),
            "model": settings.model,
            "digest": settings.digest,
            "template": self.template.text,
            "system": self.system,
            "format": settings.format,
            "options": dict(settings.options or {}),
            "think": settings.think,
            "query": self.query,
            "into": self.into,
            "fresh": self.fresh,
            "any_digest": self.any_digest,
            "sources": self.rows.why_no_sources or "known",
            "pid": os.getpid(),
            "process": process_mark(os.getpid()),
            "machine": machine(),
        }

    def rows_to_save(self) -> Iterator[tuple[str, bytes]]:
        """Other rows to store when the run begins, with their collections."""
        if self.save is not None:
            yield storage.PROMPTS, self.save[1]

    def close(self) -> None:
        """Closes what was opened for the run."""
        while self.at_end:
            self.at_end.pop()()


def begin_rows(store: Store) -> Iterator[dict[str, Any]]:
    """The rows of `_runs` with which runs began, oldest first."""
    try:
        rows = store.scan(storage.RUNS)
    except CollectionNotFound:
        return
    for row in rows:
        value = row.json()
        if value.get("event") == "begin":
            yield value


def last_digest(store: Store, model: str) -> str | None:
    """The digest of the model in its last run; None if there was none."""
    key = name_key(model)
    return next((one["digest"] for one in reversed(list(begin_rows(store))) if name_key(one["model"]) == key), None)

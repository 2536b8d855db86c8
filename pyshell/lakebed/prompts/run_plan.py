"""What a run is to do: everything checked before the first request, and each row made into a request."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lakebed._backend import Hash
from lakebed._process import machine, process_mark
from lakebed.errors import CollectionNotFound, InvalidArgument, LakebedError
from lakebed.prompts import storage
from lakebed.prompts.circuit_breaker import Gate
from lakebed.prompts.client import Chunk, Client
from lakebed.prompts.input_rows import InputRow, Rows
from lakebed.prompts.reply_format import Format
from lakebed.prompts.request import Maker, Question, user_message, without_digest
from lakebed.prompts.sender import Asker, Job
from lakebed.prompts.storage import Replies, Stored
from lakebed.prompts.template import Template, dump
from lakebed.store import Store


class Prepared(NamedTuple):
    """A row as a request."""

    request: str
    """Its hash."""
    data: bytes
    """Its canonical bytes."""
    messages: str
    prompt: str
    values: dict[str, Any]
    """The row as it is stored: images as hashes, other binary data as base64."""
    input: str
    """The same as JSON."""
    blobs: dict[str, bytes]
    """Images to store."""
    error: BaseException | None = None
    """Why it cannot be asked, or was not answered."""
    text: str | None = None
    """What was said, with an error."""


@dataclass
class Plan:
    """A run, made by `prompts.prompt`."""

    store: Store
    client: Client
    question: Question
    template: Template
    rows: Rows
    system: str | None = None
    image: str | None = None
    format: Format | None = None
    into: str | None = "results"
    query: str | None = None
    save: tuple[str, bytes] | None = None
    """A template to save: its name and row."""
    jobs: int = 2
    wait: float = 1800.0
    max_errors: int = 50
    fresh: bool = False
    any_digest: bool = False
    allow_cloud: bool = False
    backoff: float = 0.5
    notes: list[str] = field(default_factory=list)
    at_end: list[Callable[[], None]] = field(default_factory=list)

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
        self.maker = Maker(self.question)
        self.gate = Gate(self.wait, self.backoff)
        self.replies = Replies(self.store)
        self._older = self._older_requests() if self.any_digest else {}

    # --- Rows -----------------------------------------------------------------------------------------------------------

    def prepare(self, row: InputRow) -> Prepared:
        """The request for a row; what is wrong with the row is in it."""
        error: BaseException | None = None
        images: list[str] = []
        blobs: dict[str, bytes] = {}
        values, text = row.values, row.json
        if row.blobs:
            values = dict(values)
            for name, data in row.blobs.items():
                if name == self.image:
                    hash = str(Hash.of(data))
                    blobs[hash] = data
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
            images = self._images(values, blobs)
            prompt = self.template.render(values)
        except LakebedError as problem:
            error, prompt = problem, ""
        messages = user_message(prompt, self.system, images)
        data = self.maker.request(messages)
        return Prepared(str(Hash.of(data)), data, messages, prompt, values, text, blobs, error)

    def _images(self, values: dict[str, Any], blobs: dict[str, bytes]) -> list[str]:
        """The hashes of a row's images."""
        if self.image is None:
            return []
        value = values.get(self.image)
        names = value if isinstance(value, list) else [] if value is None else [value]
        return [name if name in blobs else str(self.store.resolve(str(name))) for name in names]

    def known(self, prepared: Prepared) -> Stored | None:
        """The reply that the store has."""
        found = self.replies.find(prepared.request)
        if found is None and self._older:
            older = self._older.get(str(Hash.of(without_digest(prepared.data))))
            found = self.replies.find(older) if older is not None else None
        return found

    def _older_requests(self) -> dict[str, str]:
        """Requests to any model of this name that were answered, by what they have in common."""
        found: dict[str, str] = {}
        try:
            rows = self.store.scan(storage.REPLIES)
        except CollectionNotFound:
            return found
        for row in rows:
            reply = row.json()
            if reply.get("model") == self.question.model and reply["request"] in self.store:
                found[str(Hash.of(without_digest(self.store.get(reply["request"]))))] = reply["request"]
        return found

    # --- Asking ---------------------------------------------------------------------------------------------------------

    def asker(self, told: Callable[[Job, Chunk | None], None] | None) -> Asker:
        """What asks."""
        return Asker(
            self.client, self.question, self._body, self.format, self.gate, self.allow_cloud, told, self.backoff
        )

    def _body(self, job: Job) -> bytes:
        def image(hash: str) -> bytes:
            return job.blobs[hash] if hash in job.blobs else self.store.get(hash)

        return self.maker.body(job.messages, image)

    # --- Records --------------------------------------------------------------------------------------------------------

    def described(self, run: str) -> dict[str, Any]:
        """The row that a run begins with."""
        question = self.question
        return {
            "run": run,
            "event": "begin",
            "at": storage.now(),
            "model": question.model,
            "digest": question.digest,
            "template": self.template.text,
            "system": self.system,
            "format": question.format,
            "options": dict(question.options or {}),
            "think": question.think,
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
        """Other rows that the beginning stores."""
        if self.save is not None:
            yield storage.PROMPTS, self.save[1]

    def close(self) -> None:
        """Lets go of what the run was given."""
        while self.at_end:
            self.at_end.pop()()


def begun(store: Store) -> Iterator[dict[str, Any]]:
    """The beginnings of all runs, oldest first."""
    try:
        rows = store.scan(storage.RUNS)
    except CollectionNotFound:
        return
    for row in rows:
        value = row.json()
        if value.get("event") == "begin":
            yield value


def last_digest(store: Store, model: str) -> str | None:
    """The digest that the model had in its last run."""
    return next((one["digest"] for one in reversed(list(begun(store))) if one["model"] == model), None)

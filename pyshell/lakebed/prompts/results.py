"""What prompts return: frozen pydantic models, like those of the store."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lakebed.models import HashField, Model, Time

__all__ = [
    "CollectionRows",
    "DryRun",
    "FailureReason",
    "ForgetReport",
    "ModelInfo",
    "PromptReport",
    "PromptResult",
    "RowError",
    "SourceRow",
    "TemplateVersion",
]

Outcome = Literal["complete", "errors", "too_many_errors", "server_lost", "interrupted", "failed"]


class SourceRow(Model):
    """A row of a collection that an input row came from."""

    collection: str
    seq: int
    """Its sequence number."""
    hash: HashField
    """The hash of its bytes."""


class RowError(Model):
    """Why a row has no reply."""

    kind: str
    """The kind of the error, as in `lakebed.LakebedError.kind`."""
    message: str
    thinking: str | None = None
    """The model's thinking, if a limit stopped the model before the text of its reply."""

    @model_serializer(mode="wrap")
    def _without_none(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class PromptResult(Model):
    """The result of one input row."""

    run: str
    """The id of the run."""
    n: int
    """The position of the row in the input, from 1."""
    input: dict[str, Any]
    """The row: its columns by name."""
    sources: tuple[SourceRow, ...]
    """The rows of collections that it came from; empty if they are not known."""
    request: HashField
    """The hash of the request, a blob."""
    reply: HashField | None
    """The hash of the reply, a blob; None with an error."""
    text: str | None
    """The text of the reply; with an error, the text of an invalid reply."""
    value: Any = None
    """The value of the text as JSON, if a format was given."""
    error: RowError | None = None
    """Why there is no reply."""
    thinking: str = Field("", exclude=True)
    """The model's thinking."""
    done_reason: str = Field("", exclude=True)
    """Why the reply ended: `stop`, or `length` if a limit stopped it."""
    cached: bool = Field(False, exclude=True)
    """Whether the reply was in the store before."""
    stats: dict[str, int] = Field(default_factory=dict, exclude=True)
    """Ollama's counts, and durations in nanoseconds."""


class FailureReason(Model):
    """A kind of error with which rows failed."""

    kind: str
    """As in `lakebed.LakebedError.kind`."""
    rows: int
    """Rows that failed with it."""
    message: str
    """The message of the first of them."""


class PromptReport(Model):
    """What a run did."""

    run: str
    """The id of the run."""
    model: str
    digest: str
    """The digest of the model."""
    into: str | None
    """The collection of the results."""
    outcome: Outcome
    """How the run ended."""
    rows: int
    """Input rows taken."""
    asked: int
    """Requests sent, those that failed or were stopped among them."""
    new: int
    """Rows whose reply the model gave in this run."""
    cached: int
    """Rows whose reply was in the store."""
    present: int
    """Rows whose result was in the collection before: nothing was added for them."""
    errors: int
    """Rows without a reply."""
    cut: int
    """Replies that a limit stopped (`done_reason` is `length`)."""
    prompt_tokens: int
    """Tokens of all requests sent; estimated for those that the server did not answer to the end."""
    reply_tokens: int
    """Tokens of all replies, incomplete ones among them."""
    seconds: float
    notes: tuple[str, ...] = ()
    """Remarks for the user."""
    reasons: tuple[FailureReason, ...] = ()
    """Why rows failed, the commonest first."""


class DryRun(Model):
    """What a run would do: its preview."""

    model: str
    digest: str | None
    """The digest of the model; None if it is not known."""
    reachable: bool
    """Whether the server answered."""
    rows: int
    """Input rows."""
    distinct: int
    """Different prompts."""
    answered: int
    """Different prompts whose replies are in the store."""
    present: int
    """Rows whose results are in the collection."""
    prompt_tokens: int
    """Estimated tokens of the prompts that would be sent."""
    characters_per_token: float
    """The ratio of the estimate: from earlier replies of the model, else 4."""
    first_prompt: str | None
    """The first prompt, rendered."""
    notes: tuple[str, ...] = ()
    """Remarks for the user."""


class CollectionRows(Model):
    """Rows of one collection."""

    collection: str
    rows: int


class ForgetReport(Model):
    """What `forget` found, and whether it was removed."""

    where: str
    """The condition."""
    searched: tuple[str, ...]
    """The collections that have its columns."""
    rows: tuple[CollectionRows, ...]
    """Rows for which it holds."""
    equal: tuple[CollectionRows, ...]
    """Other rows with the same bytes, which are removed with them."""
    results: tuple[CollectionRows, ...]
    """Results that stem from them."""
    requests: int
    """Requests that only these results need."""
    replies: int
    """Their replies."""
    blobs: int
    """Files and images that only these rows and requests name."""
    kept_requests: int
    """Requests of these results that stay, because other results need them."""
    kept_replies: int
    """Replies that stay with them."""
    kept_blobs: int
    """Files and images that stay, because other rows or requests name them."""
    kept_for: tuple[CollectionRows, ...]
    """The other results that need them."""
    unknown_sources: int
    """Results whose source rows are not recorded: they may stem from the rows, and are not removed."""
    removed: bool = False
    """Whether what was found is removed: found by no query and no hash."""
    erased: bool = False
    """Whether the bytes are gone from the store's files."""

    def plus(self, later: ForgetReport) -> ForgetReport:
        """This report with what another search found later."""

        def sums(before: tuple[CollectionRows, ...], after: tuple[CollectionRows, ...]) -> tuple[CollectionRows, ...]:
            rows: dict[str, int] = {}
            for one in (*before, *after):
                rows[one.collection] = rows.get(one.collection, 0) + one.rows
            return tuple(CollectionRows(collection=name, rows=count) for name, count in rows.items())

        return self.model_copy(
            update={
                "rows": sums(self.rows, later.rows),
                "equal": sums(self.equal, later.equal),
                "results": sums(self.results, later.results),
                "requests": self.requests + later.requests,
                "replies": self.replies + later.replies,
                "blobs": self.blobs + later.blobs,
            }
        )


class TemplateVersion(Model):
    """A version of a saved template."""

    name: str
    """`@name` names its newest version."""
    version: str
    """`@name:version` names this one: the first characters of the row's hash."""
    template: str
    system: str | None
    """The system prompt that is saved with it."""
    format: str | dict[str, Any] | None
    """The format that is saved with it."""
    saved: Time
    """When it was saved."""


class ModelInfo(Model):
    """A model of the server."""

    name: str
    size: int
    """Its size on the server's disk, in bytes."""
    digest: str
    parameters: str
    quantization: str
    context: int | None
    """The context length it was trained for, in tokens."""
    capabilities: tuple[str, ...]
    loaded: bool
    """Whether it is in memory now."""
    loaded_context: int | None
    """The context length it is loaded with, in tokens."""
    remote: str | None
    """The host that runs it, if it is not the server."""
    modified: str
    """When it was changed, as the server writes it."""


# Classes print as lakebed.X.
for _name in __all__:
    globals()[_name].__module__ = "lakebed"

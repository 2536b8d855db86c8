"""What prompts return: frozen pydantic models, like those of the store."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lakebed.models import HashField, Model

__all__ = ["DryRun", "ModelInfo", "PromptReport", "PromptResult", "RowError", "SourceRow"]

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

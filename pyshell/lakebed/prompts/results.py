"""What prompts give back: frozen pydantic models, like those of the store."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lakebed.models import HashField, Model

__all__ = ["DryRun", "ModelInfo", "PromptReport", "PromptResult", "RowError", "Source"]

Outcome = Literal["complete", "errors", "too_many_errors", "server_lost", "interrupted", "failed"]


class Source(Model):
    """A row that an input row came from."""

    collection: str
    seq: int
    hash: HashField


class RowError(Model):
    """Why a row has no reply."""

    kind: str
    """The kind of the error, as in `lakebed.LakebedError.kind`."""
    message: str


class PromptResult(Model):
    """What came of one input row."""

    run: str
    """The run that asked."""
    n: int
    """The row's place in the input, from 1."""
    input: dict[str, Any]
    """The row."""
    sources: tuple[Source, ...]
    """The rows it came from; empty when that is not known."""
    request: HashField
    """The request's blob."""
    reply: HashField | None
    """The reply's blob."""
    text: str | None
    """What the model said; with an error: what it said that is no reply."""
    value: Any = None
    """The value of the text, where a format was asked for."""
    error: RowError | None = None
    """Why there is no reply."""
    thinking: str = Field("", exclude=True)
    """What it thought."""
    done_reason: str = Field("", exclude=True)
    """How it ended: `stop`, or `length` when a limit stopped it."""
    cached: bool = Field(False, exclude=True)
    """Whether the reply was in the store already."""
    stats: dict[str, int] = Field(default_factory=dict, exclude=True)
    """Ollama's counts and durations (ns)."""


class PromptReport(Model):
    """What a run did."""

    run: str
    model: str
    digest: str
    """The model's digest."""
    into: str | None
    """The collection of the results."""
    outcome: Outcome
    """How it ended."""
    rows: int
    """Input rows seen."""
    asked: int
    """Replies that the model gave."""
    cached: int
    """Rows whose reply was in the store."""
    present: int
    """Rows whose result was in the collection already: nothing was added for them."""
    errors: int
    """Rows without a reply."""
    cut: int
    """Replies that a limit stopped (`done_reason: length`)."""
    prompt_tokens: int
    reply_tokens: int
    seconds: float
    notes: tuple[str, ...] = ()
    """What a person should know."""


class DryRun(Model):
    """What a run would do."""

    model: str
    digest: str | None
    """The model's digest; None when it is not known."""
    reachable: bool
    """Whether the server was asked."""
    rows: int
    distinct: int
    """Different prompts."""
    answered: int
    """Different prompts whose replies are in the store."""
    present: int
    """Rows whose results are in the collection."""
    prompt_tokens: int
    """Estimated tokens of the prompts to ask."""
    characters_per_token: float
    """What the estimate takes; from earlier replies of the model, else 4."""
    first_prompt: str | None
    """The first prompt, rendered."""
    notes: tuple[str, ...] = ()


class ModelInfo(Model):
    """A model of the server."""

    name: str
    size: int
    digest: str
    parameters: str
    quantization: str
    context: int | None
    """Tokens it was made for."""
    capabilities: tuple[str, ...]
    loaded: bool
    """Whether it is in memory now."""
    loaded_context: int | None
    """Tokens that it was loaded for."""
    remote: str | None
    """Where it really runs, when not at this server."""
    modified: str

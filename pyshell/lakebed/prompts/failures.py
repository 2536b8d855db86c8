"""Errors of requests to Ollama: the class and sentence for what a client observed, and whether another attempt is
worthwhile.

Both clients report facts (the name of a `Fact`, the status, the server's text) and decide nothing, so that they cannot
differ.
"""

from __future__ import annotations

import json
import re
from typing import Literal, TypeAlias

from lakebed.errors import (
    Interrupted,
    ModelMissing,
    NotOllama,
    OllamaBusy,
    OllamaError,
    OllamaFailed,
    OllamaRefused,
    OllamaStalled,
    OllamaUnreachable,
    PromptTooLong,
    ReplyCut,
    ReplyGarbled,
    ReplyTooLarge,
)

Fact: TypeAlias = Literal[
    "connect", "first", "stall", "closed", "eof", "status", "content", "large", "utf8", "json", "line", "canceled"
]
"""What a client observed: no connection; no first line, or no further one, in time; a broken connection; a stream that
ended without `done:true`; a status other than 200; another content type; a line that is too long, not UTF-8, not a JSON
object; an error line; `abort`."""

_TOO_LONG = re.compile(r"context (?:length|size)|exceed_context|longer than the context", re.IGNORECASE)
_DIED = re.compile(r"terminated|unexpectedly stopped|error was encountered while running the model", re.IGNORECASE)


class Canceled(Interrupted):
    """`abort` was called."""


def failure(
    fact: Fact, detail: str, status: int | None, retry_after: float | None, host: str, model: str
) -> BaseException:
    """The error for a fact.

    `detail` is the body of a response, the text of an error line, or the cause; `retry_after` is in seconds; `host` and
    `model` are named in the message.
    """
    error = _failure(fact, detail, status, host, model)
    if isinstance(error, OllamaError):
        error.status = status
        error.retry_after = retry_after
    return error


def _failure(fact: Fact, detail: str, status: int | None, host: str, model: str) -> BaseException:
    of_model = f" of {model}" if model else ""
    match fact:
        case "connect":
            return OllamaUnreachable(
                f"Ollama is not reachable at {host} ({_brief(detail)}): start it with `ollama serve`, or name another server with "
                "OLLAMA_HOST. What was stored before can be queried without it."
            )
        case "first":
            return OllamaStalled(
                f"Ollama at {host} did not begin to answer in time: the model may be loading, or the queue is long."
            )
        case "stall":
            return OllamaStalled(f"Ollama at {host} stopped in the middle of a reply{of_model}.")
        case "closed":
            return ReplyCut(f"The connection to Ollama at {host} broke before the reply{of_model} was complete.")
        case "eof":
            return ReplyCut(
                f"The reply{of_model} ended without saying that it is complete: the model may have repeated itself, or the "
                "server stopped it."
            )
        case "content":
            return NotOllama(
                f"What answers at {host} is not Ollama ({_brief(detail)}): a proxy or a sign-in page may stand in between; check "
                "OLLAMA_HOST."
            )
        case "large":
            return ReplyTooLarge(
                f"A reply{of_model} is larger than is accepted ({_brief(detail)}): nothing of it was kept."
            )
        case "utf8":
            return ReplyGarbled(f"A reply{of_model} holds bytes that are no UTF-8 text: nothing of it was kept.")
        case "json":
            return ReplyGarbled(f"A reply{of_model} holds a line that is no JSON object: nothing of it was kept.")
        case "canceled":
            return Canceled("The request was cancelled.")
        case "line":
            return _by_words(_words(detail), model)
        case "status":
            return _by_status(status or 0, detail, host, model)


def _by_status(status: int, body: str, host: str, model: str) -> BaseException:
    words = _words(body)
    if 300 <= status < 400:
        return NotOllama(
            f"{host} redirects elsewhere, and no redirect is followed: name the right server with OLLAMA_HOST."
        )
    if _TOO_LONG.search(words):
        return _too_long(words)
    match status:
        case 404 if "model" in words:
            return missing(model)
        case 404:
            return NotOllama(f"What answers at {host} has no such address (404): check the path in OLLAMA_HOST.")
        case 401:
            return OllamaRefused(
                f"Ollama at {host} wants you to sign in (401): `ollama signin`, or set OLLAMA_API_KEY, which is sent to other "
                "machines over https:// only."
            )
        case 403:
            reason = f": {_brief(words)}" if words else ""
            return OllamaRefused(
                f"Ollama at {host} does not accept this host or origin (403){reason}; check OLLAMA_ORIGINS on the server."
            )
        case 429 | 503:
            return OllamaBusy(f"Ollama at {host} is busy ({status}): {_brief(words) or 'try again'}.")
    reason = f": {_brief(words)}" if words else ""
    if status < 500:
        return OllamaRefused(f"Ollama refuses the request ({status}){reason}.")
    return OllamaFailed(f"Ollama failed ({status}){reason}.")


def _by_words(words: str, model: str) -> BaseException:
    if _TOO_LONG.search(words):
        return _too_long(words)
    return OllamaFailed(f"{model or 'The model'} failed in the middle of its reply: {_brief(words)}.")


def _too_long(words: str) -> PromptTooLong:
    found = re.search(r"\((\d+) tokens\).*?\((\d+) tokens\)", words)
    sizes = f": {int(found[1]):,} tokens, and {int(found[2]):,} fit" if found else ""
    return PromptTooLong(
        f"The prompt is longer than the model's context{sizes}. Give less of the row, or a larger context with -o num_ctx=N."
    )


def missing(model: str) -> ModelMissing:
    """The error for a model that the server does not have."""
    return ModelMissing(
        f"The model {model!r} is not there: pull it with `ollama pull {model}` or `lakebed pull {model}`."
    )


def _words(body: str) -> str:
    """The server's text: the `error` of a JSON body, which may be JSON in a string, or the body itself."""
    for _ in range(3):
        try:
            value = json.loads(body)
        except ValueError:
            break
        if isinstance(value, dict):
            value = value.get("error", value.get("message", ""))
        body = value if isinstance(value, str) else json.dumps(value)
    return body


def _brief(text: str) -> str:
    """A text from the server as one line of at most 200 printable characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return (line[:200] + "..." if len(line) > 200 else line).rstrip(".")


def is_server_trouble(error: BaseException) -> bool:
    """Whether the error is the server's and not this request's: then the run waits, and no row fails."""
    return isinstance(error, OllamaUnreachable | OllamaBusy | OllamaStalled)


def attempts_worthwhile(error: BaseException) -> int:
    """How many attempts in all are worthwhile for a request that fails with this error."""
    match error:
        case ReplyCut():
            return 2
        case OllamaFailed(status=502):
            return 3
        case OllamaFailed() if _DIED.search(error.message):
            return 3
    return 1

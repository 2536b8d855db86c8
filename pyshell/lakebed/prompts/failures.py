"""Errors of requests to Ollama: the class and sentence for what a client observed, and whether another attempt is
worthwhile.

Both clients report facts (the name of a `Fact`, the status, the server's text) and decide nothing, so that they cannot
differ.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

from lakebed.errors import (
    CloudRefused,
    FormatRefused,
    Interrupted,
    LakebedError,
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
    ReplyEmpty,
    ReplyGarbled,
    ReplyTimeout,
    ReplyTooLarge,
    ThinkingCut,
)

Fact: TypeAlias = Literal[
    "connect",
    "first",
    "stall",
    "total",
    "closed",
    "eof",
    "status",
    "content",
    "large",
    "utf8",
    "json",
    "line",
    "canceled",
]
"""What a client observed: no connection; no first line, no further one, or no last one in time; a broken connection; a
stream that ended without its last line; a status other than 200; content that is not plain JSON; a line that is too
long, not UTF-8, not a JSON object; an error line; `abort`."""

_CRASHED = re.compile(
    r"no longer running|has terminated|unexpectedly stopped|error was encountered while running the model",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context (?:length|size)|exceed_context|longer than the context", re.IGNORECASE)
_FORMAT = re.compile(r"invalid format|schema conversion|json_schema|grammar", re.IGNORECASE)


class Canceled(Interrupted):
    """`abort` was called."""


def failure(
    fact: Fact, detail: str, status: int | None, retry_after: str | None, host: str, model: str, path: str
) -> BaseException:
    """The error for a fact.

    `detail` is the body of a response, the text of an error line, or the cause; `retry_after` is the header of that
    name; `host` and `model` are named in the message; `path` is that of the request.
    """
    error = _failure(fact, detail, status, host, model, path)
    if isinstance(error, OllamaError):
        error.status = status
        error.retry_after = seconds_of(retry_after) if retry_after else None
    return error


def seconds_of(retry_after: str) -> float | None:
    """The seconds of the header `Retry-After`: a number, or the time until a date; None for anything else."""
    text = retry_after.strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text, re.ASCII):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _failure(fact: Fact, detail: str, status: int | None, host: str, model: str, path: str) -> BaseException:
    subject = {"/api/chat": f"reply of {model}", "/api/pull": f"pull of {model}"}.get(path, "response")
    match fact:
        case "connect":
            return OllamaUnreachable(
                f"Ollama is not reachable at {host} ({_brief(detail)}): start it with `ollama serve`, or name another server with "
                "OLLAMA_HOST. What was stored before can be queried without it."
            )
        case "first":
            cause = ": the model may be loading, or the queue is long" if path == "/api/chat" else ""
            return OllamaStalled(f"Ollama at {host} did not begin to answer in time{cause}.")
        case "stall":
            return OllamaStalled(f"Ollama at {host} stopped in the middle of the {subject}.")
        case "total":
            return ReplyTimeout(
                f"The {subject} was not complete in time: allow more with --timeout, or shorter replies with -o num_predict=N."
            )
        case "closed":
            return ReplyCut(f"The connection to Ollama at {host} broke before the {subject} was complete.")
        case "eof" if path == "/api/pull":
            return ReplyCut(
                f"The {subject} ended without saying that it is complete: the same again goes on from there."
            )
        case "eof":
            return ReplyCut(
                f"The {subject} ended without saying that it is complete: the model may have repeated itself, or the "
                "server stopped it."
            )
        case "content":
            return _not_ollama(host, detail)
        case "large":
            return ReplyTooLarge(
                f"The {subject} is larger than is accepted ({_brief(detail)}): nothing of it was kept."
            )
        case "utf8":
            return ReplyGarbled(f"The {subject} holds bytes that are no UTF-8 text: nothing of it was kept.")
        case "json":
            return ReplyGarbled(f"The {subject} holds a line that is no JSON object: nothing of it was kept.")
        case "canceled":
            return Canceled("The request was cancelled.")
        case "line":
            return _by_line(_words(detail), model, path)
        case "status":
            return _by_status(status or 0, detail, host, model)


def _not_ollama(host: str, detail: str) -> NotOllama:
    if "event-stream" in detail:
        return other_server(host, _brief(detail))
    return NotOllama(
        f"What answers at {host} is not Ollama ({_brief(detail)}): a proxy or a sign-in page may stand in between; check "
        "OLLAMA_HOST."
    )


def other_server(host: str, sign: str) -> NotOllama:
    """The error for a server of OpenAI's interface; `sign` says how it was recognised."""
    return NotOllama(
        f"What answers at {host} is a server of OpenAI's interface, such as llama.cpp's, and not Ollama ({sign}): prompts "
        "use Ollama's own interface; name an Ollama server with OLLAMA_HOST."
    )


def _by_status(status: int, body: str, host: str, model: str) -> BaseException:
    words = _words(body)
    if 300 <= status < 400:
        return NotOllama(
            f"{host} redirects elsewhere, and no redirect is followed: name the right server with OLLAMA_HOST."
        )
    # Before anything else that the text may say: Ollama adds the last error of the process that ended, which may be
    # that of another prompt.
    if (status >= 500 or "no longer running" in words) and _CRASHED.search(words):
        return _crashed(words, f"The process that runs {model or 'the model'} ended ({status})")
    if _TOO_LONG.search(words):
        return _too_long(words)
    if status in (400, 500) and _FORMAT.search(words):
        return FormatRefused(
            f"Ollama refuses the schema ({status}): {_brief(words)}: simplify it, or take any JSON with --schema json."
        )
    match status:
        case 404 if "model" in words:
            return missing(model)
        case 404:
            return NotOllama(f"What answers at {host} has no such address (404): check the path in OLLAMA_HOST.")
        case 401:
            return OllamaRefused(
                f"Ollama at {host} wants you to sign in (401): `ollama signin`, or set OLLAMA_API_KEY."
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


def _by_line(words: str, model: str, path: str) -> BaseException:
    if path == "/api/pull":
        hint = "; check the name of the model" if "manifest" in words else ""
        return OllamaFailed(f"The pull of {model} failed: {_brief(words)}{hint}.")
    if _CRASHED.search(words):
        return _crashed(words, f"The process that runs {model or 'the model'} ended in the middle of a reply")
    if _TOO_LONG.search(words):
        return _too_long(words)
    return OllamaFailed(f"{model or 'The model'} failed in the middle of its reply: {_brief(words)}.")


def _crashed(words: str, what: str) -> OllamaFailed:
    """The error for a process that ended. What the server adds about a prompt that was too long is of an earlier
    request, and not repeated."""
    if (long := _TOO_LONG.search(words)) and (found := _CRASHED.search(words)) and found.end() < long.start():
        words = words[: found.end()]
    error = OllamaFailed(f"{what}: {_brief(words)}.")
    error.crashed = True
    return error


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


def cloud_refused(model: str, host: str) -> LakebedError:
    """The error for a model that does not run on the server itself."""
    return CloudRefused(
        f"{model} runs at {host}, not on this server, and prompts hold your data: allow it with --allow-cloud (allow_cloud=True)."
    )


def reply_empty(model: str, reason: str) -> ReplyEmpty:
    """The error for a reply without text. `reason` is why it ended."""
    if reason == "length":
        return ReplyEmpty(
            f"The reply of {model} is empty: a limit stopped it at once; give it more room with -o num_predict=N."
        )
    return ReplyEmpty(f"The reply of {model} is empty: the model ended it at once; word the prompt in another way.")


def thinking_cut(model: str, tokens: int | None, thinking: str) -> ThinkingCut:
    """The error for a reply that a limit stopped before its text began; `tokens` is the length of the thinking."""
    used = "" if tokens is None else f" {tokens:,}"
    error = ThinkingCut(
        f"{model} was stopped after{used} tokens while it was still thinking, before any text: allow more with "
        "-o num_predict=N (or num_ctx), or turn thinking off with --think off."
    )
    error.thinking = thinking
    return error


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
        case ReplyCut() | ReplyEmpty():
            return 2
        case OllamaFailed(status=502):
            return 3
        case OllamaFailed() if error.crashed:
            return 3
    return 1

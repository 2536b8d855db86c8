"""Requests: the canonical JSON that is stored, and the body that is sent to Ollama. Pure.

A request is everything that the reply depends on: the model's digest, the messages, the format, the options and
`think`. Equal requests are equal bytes, so that their hash is the key of the reply. Images are given by their hashes.
The model's name, `keep_alive` and timeouts are not part of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quote
from typing import Any

from lakebed.errors import BadRecord, InvalidArgument

canonical: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode
"""Canonical JSON: sorted keys, no spaces, characters as they are."""


@dataclass(frozen=True)
class RequestSettings:
    """Everything of a request except its messages."""

    model: str
    """The name of the model, with its tag."""
    digest: str
    """The digest of the model, 64 hex characters; empty if it is not known."""
    format: str | Mapping[str, Any] | None = None
    """"json", or a JSON schema."""
    options: Mapping[str, Any] | None = None
    think: bool | str | None = None
    keep_alive: str | float | None = None
    """How long the model stays in memory: a duration, or seconds."""


class RequestBuilder:
    """Builds the requests and bodies of one `RequestSettings`, which differ only in their messages."""

    def __init__(self, settings: RequestSettings) -> None:
        self.settings = settings
        fields: dict[str, Any] = {"model": f"sha256:{settings.digest}"}
        if settings.format is not None:
            fields["format"] = settings.format
        if settings.options:
            fields["options"] = dict(settings.options)
        if settings.think is not None:
            fields["think"] = settings.think
        before, _, after = canonical({**fields, "messages": 0}).partition('"messages":0')
        self._before, self._after = f'{before}"messages":', after
        body: dict[str, Any] = {**fields, "model": settings.model, "stream": True, "truncate": False}
        if settings.keep_alive is not None:
            body["keep_alive"] = settings.keep_alive
        self._body = canonical(body)[:-1] + ',"messages":'

    def request(self, messages: Sequence[Mapping[str, Any]] | str) -> bytes:
        """The canonical bytes. `messages` are the messages, or their canonical JSON. Raises `BadRecord` for a lone
        surrogate."""
        text = messages if isinstance(messages, str) else canonical(messages)
        return _utf8(self._before + text + self._after)

    def body(self, messages: Sequence[Mapping[str, Any]] | str, image: Callable[[str], bytes]) -> bytes:
        """The body that is sent to Ollama. `image` returns the bytes of an image by its hash."""
        text = messages if isinstance(messages, str) else canonical(messages)
        if '"images":' in text:
            parsed = json.loads(text)
            for message in parsed:
                if "images" in message:
                    message["images"] = [base64.b64encode(image(name)).decode() for name in message["images"]]
            text = canonical(parsed)
        return _utf8(f"{self._body}{text}}}")


def user_message(prompt: str, system: str | None = None, images: Sequence[str] = ()) -> str:
    """The canonical JSON of the messages for one prompt."""
    before = f'{{"content":{quote(system)},"role":"system"}},' if system else ""
    named = f'"images":{canonical(list(images))},' if images else ""
    return f'[{before}{{"content":{quote(prompt)},{named}"role":"user"}}]'


def without_digest(request: bytes) -> bytes:
    """The request without the digest: what the requests to two versions of a model have in common."""
    parsed = json.loads(request)
    parsed.pop("model", None)
    return canonical(parsed).encode()


_ROLES = ("system", "user", "assistant", "tool")
_FIELDS = {"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"}


def checked_messages(messages: object, image: Callable[[object], str]) -> list[dict[str, Any]]:
    """The messages of a chat as Ollama accepts them. `image` returns the hash for the bytes or the hash of an image.

    Raises `InvalidArgument`.
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not isinstance(messages, list | tuple) or not messages:
        message = "A chat takes a prompt, or a list of messages like {'role': 'user', 'content': '...'}."
        raise InvalidArgument(message)
    checked = []
    for one in messages:
        if not isinstance(one, Mapping) or one.get("role") not in _ROLES or not set(one) <= _FIELDS:
            message = f"A message has a role ({', '.join(_ROLES)}) and content, and may have images and tool calls; not {one!r:.80}."
            raise InvalidArgument(message)
        copy = dict(one)
        if "images" in copy:
            copy["images"] = [image(item) for item in copy["images"]]
        checked.append(copy)
    return checked


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = (
            f"The prompt holds a lone surrogate ({error.object[error.start]!a}), which UTF-8 cannot write; replace it."
        )
        raise BadRecord(message) from error

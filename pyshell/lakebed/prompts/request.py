"""Requests: the canonical JSON that a question to a model is stored as, and the body that Ollama gets. Pure.

A request is what the answer depends on, and nothing else: the model's digest, the messages, the format, the options and `think`. Equal
requests are equal bytes, so their hash is the key of the reply. Images are named by their hashes. The model's name, `keep_alive` and
time-outs are not part of it.
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
class Question:
    """All of a request but its messages."""

    model: str
    """The name that Ollama is asked by."""
    digest: str
    """64 hex characters; empty when it is not known."""
    format: str | Mapping[str, Any] | None = None
    """"json", or a JSON schema."""
    options: Mapping[str, Any] | None = None
    think: bool | str | None = None
    keep_alive: str | float | None = None


class Maker:
    """Makes requests and bodies that differ only in the messages."""

    def __init__(self, question: Question) -> None:
        self.question = question
        fields: dict[str, Any] = {"model": f"sha256:{question.digest}"}
        if question.format is not None:
            fields["format"] = question.format
        if question.options:
            fields["options"] = dict(question.options)
        if question.think is not None:
            fields["think"] = question.think
        self._fields = fields
        mark = "messages"
        before, _, after = canonical({**fields, mark: 0}).partition('"messages":0')
        self._before, self._after = f'{before}"messages":', after
        body: dict[str, Any] = {**fields, "model": question.model, "stream": True, "truncate": False}
        if question.keep_alive is not None:
            body["keep_alive"] = question.keep_alive
        self._body = canonical(body)[:-1] + ',"messages":'

    def request(self, messages: Sequence[Mapping[str, Any]] | str) -> bytes:
        """The canonical bytes. `messages` may be their canonical JSON."""
        text = messages if isinstance(messages, str) else canonical(messages)
        return _utf8(self._before + text + self._after)

    def body(self, messages: Sequence[Mapping[str, Any]] | str, image: Callable[[str], bytes]) -> bytes:
        """What Ollama is sent. `image` gives the bytes of an image by its hash."""
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
    """The request for whatever model of the name: what two digests' requests have in common."""
    parsed = json.loads(request)
    parsed.pop("model", None)
    return canonical(parsed).encode()


_ROLES = ("system", "user", "assistant", "tool")
_FIELDS = {"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"}


def checked_messages(messages: object, image: Callable[[object], str]) -> list[dict[str, Any]]:
    """Messages of a chat, as Ollama takes them. `image` turns bytes or a hash into a hash."""
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

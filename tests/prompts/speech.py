"""What models of the fake server say, as frames of Ollama's streams."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

STATS = {
    "total_duration": 50_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_duration": 4_000_000,
    "eval_duration": 40_000_000,
}


def tokens(text: str) -> int:
    """What the fake model counts: words and punctuation, more or less."""
    return max(1, len(text) // 4)


def prompt_of(body: dict[str, Any]) -> str:
    """The prompt: the last message of the user."""
    if "prompt" in body:
        return str(body["prompt"])
    return next((str(one.get("content", "")) for one in reversed(body["messages"]) if one["role"] == "user"), "")


def reply_to(body: dict[str, Any]) -> str:
    """What a well-behaved model says."""
    prompt = prompt_of(body)
    images = [image for one in body.get("messages", []) for image in one.get("images") or []]
    seen = "".join(f" [image of {len(base64.b64decode(image))} bytes]" for image in images)
    return f"You said: {prompt}{seen}"


class Speech:
    """Frames of one chat or generate call."""

    def __init__(self, body: dict[str, Any], *, chat: bool) -> None:
        self._body = body
        self._chat = chat
        self.count = 0

    def frame(self, content: str = "", thinking: str | None = None, **more: object) -> dict[str, Any]:
        """A frame in the middle."""
        self.count += 1
        return self._frame(content, thinking, done=False, **more)

    def last(
        self, reason: str = "stop", tool_calls: object = None, *, counts: bool = True, **more: object
    ) -> dict[str, Any]:
        """The last frame."""
        stats: dict[str, object] = dict(STATS)
        if counts:
            text = "".join(str(one.get("content", "")) for one in self._body.get("messages", ())) or prompt_of(
                self._body
            )
            stats |= {"prompt_eval_count": tokens(text), "eval_count": max(1, self.count)}
        return self._frame("", None, done=True, done_reason=reason, tool_calls=tool_calls, **stats, **more)

    def _frame(
        self, content: str, thinking: str | None, *, done: bool, tool_calls: object = None, **more: object
    ) -> dict[str, Any]:
        frame: dict[str, Any] = {"model": self._body["model"], "created_at": "2026-08-21T10:00:00.000000Z"}
        if self._chat:
            message: dict[str, Any] = {"role": "assistant", "content": content}
            if thinking is not None:
                message["thinking"] = thinking
            if tool_calls is not None:
                message["tool_calls"] = tool_calls
            frame["message"] = message
        else:
            frame["response"] = content
            if thinking is not None:
                frame["thinking"] = thinking
        return {**frame, "done": done, **more}


def pieces(text: str) -> Iterator[str]:
    """The words of a text with the spaces before them."""
    start = 0
    for place, letter in enumerate(text):
        if letter == " " and place > start:
            yield text[start:place]
            start = place
    yield text[start:]


def normal(speech: Speech, text: str) -> bytes:
    """The whole stream of a plain reply."""
    frames = [speech.frame(piece) for piece in pieces(text)]
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in (*frames, speech.last()))

"""The text of a reply alone: without the thoughts of models whose server does not separate them, and without the
fence around JSON. Pure."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

__all__ = ["ReplyText", "ThoughtFilter", "split_reply"]

_OPEN, _CLOSE = "<think>", "</think>"
_FENCE = re.compile(r"\A\s*(`{3,}|~{3,})[ \t]*(\w*)[ \t]*\r?\n(.*?)\r?\n?[ \t]*\1[ \t]*\s*\Z", re.DOTALL)
_INNER_FENCE = re.compile(r"^```[ \t]*json[ \t]*\r?\n(.*?)\r?\n?^```[ \t]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE)


class ReplyText(NamedTuple):
    """The parts of a reply's text."""

    text: str
    thinking: str


def split_reply(raw: str, *, json: bool = False) -> ReplyText:
    """The text and the thoughts of what a model wrote.

    Thoughts are what is between `<think>` and `</think>` at the beginning; without an end, everything; without a
    beginning, which some templates write into the prompt, what comes before `</think>`. A fence is cut if it encloses
    the whole text and says `json`. With `json`, which was asked for, any fence around the whole text is cut, and if the
    text has one fenced part that says `json`, it is the text.
    """
    text, thinking = _without_thoughts(raw)
    fence = _FENCE.match(text) if "```" in text or "~~~" in text else None
    if fence is not None and (json or fence[2].lower() == "json") and not _has_fence(fence[3], fence[1]):
        return ReplyText(fence[3], thinking)
    if json and text.count("```") >= 2 and len(inner := _INNER_FENCE.findall(text)) == 1:
        return ReplyText(str(inner[0]), thinking)
    return ReplyText(text, thinking)


def _without_thoughts(raw: str) -> ReplyText:
    if "think>" not in raw:
        return ReplyText(raw, "")
    begun = raw.lstrip()
    if begun.startswith(_OPEN):
        thoughts, _, rest = begun.removeprefix(_OPEN).partition(_CLOSE)
        return ReplyText(rest.lstrip(), thoughts.strip())
    if _OPEN not in raw and raw.count(_CLOSE) == 1:
        thoughts, _, rest = raw.partition(_CLOSE)
        # In the middle of a line the word is part of a text about it.
        if not rest or rest[0] in "\r\n":
            return ReplyText(rest.lstrip(), thoughts.strip())
    return ReplyText(raw, "")


def _has_fence(text: str, fence: str) -> bool:
    return any(line.lstrip().startswith(fence) for line in text.splitlines())


class ThoughtFilter:
    """Leaves `<think>...</think>` at the beginning out of a text that arrives in pieces."""

    def __init__(self) -> None:
        self._state: Literal["start", "thoughts", "after", "text"] = "start"
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown of the text after the next piece."""
        if self._state == "text":
            return piece
        self._held += piece
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state, self._held = "thoughts", begun.removeprefix(_OPEN)
            elif not _OPEN.startswith(begun):
                return self._shown(self._held)
        if self._state == "thoughts":
            _, close, rest = self._held.partition(_CLOSE)
            # The end may be in two pieces.
            self._held = rest if close else self._held[-len(_CLOSE) :]
            self._state = "after" if close else "thoughts"
        if self._state == "after" and (rest := self._held.lstrip()):
            return self._shown(rest)
        return ""

    def end(self) -> str:
        """What is left to show at the end of the text."""
        return self._shown(self._held) if self._state == "start" else ""

    def _shown(self, text: str) -> str:
        self._state, self._held = "text", ""
        return text

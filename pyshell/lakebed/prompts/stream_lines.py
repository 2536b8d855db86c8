"""NDJSON from the wire to chunks, for the client on httpx. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lakebed.prompts.client import STATS, Chunk, Pulled
from lakebed.prompts.failures import Fact


class Garbled(Exception):
    """What a line turned out to be."""

    def __init__(self, fact: Fact, detail: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.detail = detail


class Lines:
    """Cuts bytes into lines, wherever they were split on the way."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete now; a limit that is exceeded is `Garbled`."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = data[start:end]
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            start = end + 1
            self._check(len(line))
            yield line
        self._rest += data[start:]
        self._check(len(self._rest))

    def rest(self) -> bytes:
        """What stands after the last line break."""
        return bytes(self._rest)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise Garbled("large", f"a line of more than {self._limit >> 20} MiB")


def frame(line: bytes) -> dict[str, Any] | None:
    """The object of a line; None for a blank one."""
    if not line or line.isspace():
        return None
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        raise Garbled("utf8") from None
    except (ValueError, RecursionError):
        raise Garbled("json") from None
    if not isinstance(value, dict):
        raise Garbled("json")
    if (error := value.get("error")) is not None:
        raise Garbled("line", error if isinstance(error, str) else json.dumps(error))
    return value


def chunk(value: dict[str, Any]) -> Chunk:
    """The typed chunk of a frame; fields of wrong types are `Garbled`."""
    message = value.get("message")
    if message is None:
        message = {}
    if not isinstance(message, dict):
        raise Garbled("json")
    done = value.get("done") is True
    calls = message.get("tool_calls")
    return Chunk(
        _text(message, "content"),
        _text(message, "thinking"),
        tuple(calls) if isinstance(calls, list) else (),
        done,
        _text(value, "done_reason"),
        {name: value[name] for name in STATS if type(value.get(name)) is int} if done else None,
        _text(value, "remote_host"),
    )


def pulled(value: dict[str, Any]) -> Pulled:
    """How far a pull is."""
    numbers = (value.get("total"), value.get("completed"))
    total, completed = (number if type(number) is int else 0 for number in numbers)
    return Pulled(_text(value, "status"), _text(value, "digest"), total, completed)


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise Garbled("json")
    try:
        # An escape of half a character is no text.
        text.encode()
    except UnicodeEncodeError:
        raise Garbled("json") from None
    return text

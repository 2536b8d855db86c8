"""Lines of a stream of Ollama, NDJSON, as typed chunks; for the client on httpx. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lakebed.prompts.client import STATS, Chunk, Pulled
from lakebed.prompts.failures import Fact

__all__ = ["LineFailure", "LineSplitter", "chunk", "line_object", "pulled"]


class LineFailure(Exception):
    """A line that ends the stream: one that is not a JSON object, is too long, or holds an error of the server."""

    def __init__(self, fact: Fact, detail: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.detail = detail


class LineSplitter:
    """Cuts a stream of bytes into lines, whatever the pieces it arrives in."""

    def __init__(self, limit: int) -> None:
        """`limit`: the longest line, in bytes."""
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete with these bytes. Raises `LineFailure` for a line that is too long."""
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
        """The bytes after the last line break."""
        return bytes(self._rest)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise LineFailure("large", f"a line of more than {self._limit >> 20} MiB")


def line_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None for a blank one. Raises `LineFailure`."""
    if not line or line.isspace():
        return None
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        raise LineFailure("utf8") from None
    except (ValueError, RecursionError):
        raise LineFailure("json") from None
    if not isinstance(value, dict):
        raise LineFailure("json")
    if (error := value.get("error")) is not None:
        raise LineFailure("line", error if isinstance(error, str) else json.dumps(error))
    return value


def chunk(value: dict[str, Any]) -> Chunk:
    """The chunk of a line's object. Raises `LineFailure` for fields of wrong types."""
    message = value.get("message")
    if message is None:
        message = {}
    if not isinstance(message, dict):
        raise LineFailure("json")
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
    """The progress of a pull, of a line's object. Raises `LineFailure` for fields of wrong types."""
    numbers = (value.get("total"), value.get("completed"))
    total, completed = (number if type(number) is int else 0 for number in numbers)
    return Pulled(_text(value, "status"), _text(value, "digest"), total, completed)


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise LineFailure("json")
    try:
        # JSON can escape a lone surrogate, which is not a character.
        text.encode()
    except UnicodeEncodeError:
        raise LineFailure("json") from None
    return text

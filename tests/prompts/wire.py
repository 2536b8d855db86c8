"""HTTP/1.1 as the fake server needs it: requests in, and answers written byte by byte where a test wants that."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    499: "Client Closed Request",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when the client is gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = b""
    if length := int(headers.get("content-length", 0)):
        body = await reader.readexactly(length)
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return Request(method, path.partition("?")[0], headers, body)


class Answer:
    """Writes one answer. `sent` says whether the next request of the connection can follow."""

    def __init__(self, writer: asyncio.StreamWriter, place: int = 1, encodings: str = "") -> None:
        self._writer = writer
        self.place = place
        """The number of the request on its connection, from 1."""
        self.encodings = encodings
        """The encodings that the client accepts."""
        self._streaming = False
        self.keep = True

    async def whole(
        self, status: int, body: object = None, headers: dict[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        """A status and a body: JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}
        self._head(status, fields)
        self._writer.write(data)
        await self._writer.drain()

    def begin(self, kind: str = "application/x-ndjson", headers: dict[str, str] | None = None) -> None:
        """Begins a stream of chunks."""
        self._head(200, {"Content-Type": kind, "Transfer-Encoding": "chunked", **(headers or {})})
        self._streaming = True

    async def chunk(self, data: bytes) -> None:
        """One chunk, in a TCP segment of its own as far as that is ours to say."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def frame(self, value: object) -> None:
        """One NDJSON frame."""
        await self.chunk(json.dumps(value, ensure_ascii=False).encode() + b"\n")

    async def end(self) -> None:
        """Ends the stream as HTTP wants it."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        self._streaming = False

    async def cut(self) -> None:
        """Closes the connection in the middle."""
        self.keep = False
        self._writer.close()

    async def reset(self) -> None:
        """Ends the connection with a reset, as a server does that was stopped."""
        self.keep = False
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def raw(self, data: bytes) -> None:
        """Bytes as they are: no HTTP."""
        self._writer.write(data)

    def _head(self, status: int, fields: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n{lines}\r\n".encode())

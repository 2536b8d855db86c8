"""The client on httpx, for installations without the engine. The tests compare it with the client in Rust."""

from __future__ import annotations

import functools
import math
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Literal, TypeVar

from lakebed._packages import required
from lakebed.errors import OllamaStalled
from lakebed.prompts.address import Address
from lakebed.prompts.client import LINE_LIMIT, Chunk, Pulled, Timeouts
from lakebed.prompts.failures import Fact, failure
from lakebed.prompts.stream_lines import LineFailure, LineSplitter, chunk, line_object, pulled

with required():
    import httpcore
    import httpx

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=64)
_BODY_LIMIT = 64 << 20
_ERROR_LIMIT = 64 << 10
T = TypeVar("T", bound="Chunk | Pulled")


class HttpxClient:
    """A client of one server; see `client.Client`."""

    def __init__(self, address: Address, timeouts: Timeouts, scope_id: int = 0) -> None:
        self._address = address
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._aborted = False
        self._client = httpx.Client(
            base_url=address.url,
            # Streams are read as they are sent, so nothing may be compressed.
            headers={**address.headers, "User-Agent": "lakebed", "Accept-Encoding": "identity"},
            # Requests to this machine and to its link use no proxy of the environment.
            trust_env=not address.is_direct,
            follow_redirects=False,
            limits=_LIMITS,
            verify=ssl.create_default_context() if address.url.startswith("https") else False,
            transport=_ScopedTransport(scope_id) if scope_id else None,
        )

    def chat(self, body: bytes, model: str) -> _LineStream[Chunk]:
        return _LineStream(self, "/api/chat", body, model, chunk, lambda last: last.done)

    def pull(self, body: bytes, model: str) -> _LineStream[Pulled]:
        return _LineStream(self, "/api/pull", body, model, pulled, lambda last: last.status == "success")

    def call(self, method: Literal["GET", "POST"], path: str, body: bytes | None, model: str) -> bytes:
        response = self.send(method, path, body, model)
        try:
            data = bytearray()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > _BODY_LIMIT:
                    raise self.error("large", f"more than {_BODY_LIMIT >> 20} MiB", model, path)
            return bytes(data)
        except httpx.TransportError as error:
            raise self.transport_error(error, model, path, began=True) from None
        finally:
            response.close()

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            sockets = list(self._sockets)
        for one in sockets:
            try:
                # Unlike a close, this wakes a thread that waits for data.
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._client.close()

    # --- For the streams ---

    def send(self, method: str, path: str, body: bytes | None, model: str) -> httpx.Response:
        """The response to a request, of which the head is read: status 200, plain JSON. Raises the error for anything
        else."""
        response = self._head(method, path, body, model)
        encoding = response.headers.get("content-encoding", "")
        kind = response.headers.get("content-type", "")
        if response.status_code == 200 and encoding in ("", "identity") and "json" in kind:
            return response
        try:
            if response.status_code != 200:
                raise self._status(response, model, path)
            found = f"{encoding}, unasked" if encoding not in ("", "identity") else kind or "no content type"
            raise self.error("content", f"it sends {found}", model, path)
        finally:
            response.close()

    def _head(self, method: str, path: str, body: bytes | None, model: str) -> httpx.Response:
        """The response to a request, of which the head is read.

        A request that was sent on an idle connection which turns out to be closed is sent again; each such failure
        takes a connection from the pool, so that a new one is opened in the end.
        """
        waits = self._timeouts
        longest = math.inf if waits.total is None else waits.total
        while True:
            if self._aborted:
                raise self.error("canceled", "", model, path)
            opened = threading.Event()
            request = self._client.build_request(
                method,
                path.lstrip("/"),
                content=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=httpx.Timeout(min(waits.first, longest), connect=waits.connect),
                extensions={"trace": functools.partial(self._trace, opened)},
            )
            try:
                response = self._client.send(request, stream=True)
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                if opened.is_set() or isinstance(error, httpx.ConnectError) or self._aborted:
                    raise self.transport_error(error, model, path, began=False) from None
            except httpx.TransportError as error:
                raise self.transport_error(error, model, path, began=False) from None
            else:
                # httpcore reads this timeout when it begins to read the body.
                request.extensions["timeout"]["read"] = min(waits.stall, longest)
                return response

    def _status(self, response: httpx.Response, model: str, path: str) -> BaseException:
        text = bytearray()
        try:
            for piece in response.iter_bytes():
                text += piece
                if len(text) > _ERROR_LIMIT:
                    break
        except httpx.TransportError:
            pass
        wait = response.headers.get("retry-after")
        return self.error("status", text.decode(errors="replace"), model, path, response.status_code, wait)

    def transport_error(self, error: httpx.TransportError, model: str, path: str, *, began: bool) -> BaseException:
        """The error for an exception of httpx. `began`: the response had begun."""
        if self._aborted:
            return self.error("canceled", "", model, path)
        fact: Fact = "closed"
        match error:
            case httpx.ConnectTimeout():
                return self.error("connect", f"no answer within {self._timeouts.connect:g} s", model, path)
            case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
                return self.error("connect", _cause(error), model, path)
            case httpx.TimeoutException():
                fact = "stall" if began else "first"
        return self.error(fact, str(error), model, path)

    def error(
        self, fact: Fact, detail: str, model: str, path: str, status: int | None = None, retry_after: str | None = None
    ) -> BaseException:
        """The error for a fact about this server."""
        return failure(fact, detail, status, retry_after, self._address.url, model, path)

    def late(self, start: float) -> bool:
        """Whether a stream that began at this time of the monotonic clock should be complete."""
        limit = self._timeouts.total
        return limit is not None and time.monotonic() >= start + limit

    def _trace(self, opened: threading.Event, event: str, info: dict[str, Any]) -> None:
        """Sets `opened` when a connection is opened for a request, and records its socket, so that `abort` can end
        it."""
        if event == "connection.connect_tcp.started":
            opened.set()
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        found = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(found)
            aborted = self._aborted
        if aborted:
            self.abort()


class _ScopedTransport(httpx.HTTPTransport):
    """Connects to link-local IPv6 addresses through a network interface, which no URL can name."""

    def __init__(self, scope_id: int) -> None:
        super().__init__(verify=False, trust_env=False, limits=_LIMITS)
        self._pool = httpcore.ConnectionPool(
            max_connections=None, max_keepalive_connections=64, network_backend=_ScopedBackend(scope_id)
        )


class _ScopedBackend(httpcore.SyncBackend):
    def __init__(self, scope_id: int) -> None:
        super().__init__()
        self._scope_id = scope_id

    def connect_tcp(self, host: str, port: int, *args: Any, **more: Any) -> httpcore.NetworkStream:
        return super().connect_tcp(f"{host}%{self._scope_id}", port, *args, **more)


def _cause(error: BaseException) -> str:
    """The text of the operating system's error, without its number."""
    text = str(error)
    return text.partition("] ")[2] or text if text.startswith("[Errno") else text


class _LineStream(Generic[T]):
    """A stream of typed objects, one a line. It ends after the last one; if the connection ends before that, it
    raises."""

    def __init__(
        self,
        client: HttpxClient,
        path: str,
        body: bytes,
        model: str,
        read: Callable[[dict[str, Any]], T],
        is_last: Callable[[T], bool],
    ) -> None:
        self._client, self._path, self._body, self._model = client, path, body, model
        self._read: Callable[[dict[str, Any]], T] = read
        self._is_last: Callable[[T], bool] = is_last
        self._response: httpx.Response | None = None
        self._items: Generator[T, None, None] = self._run()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def close(self) -> None:
        self._items.close()
        if self._response is not None:
            self._response.close()

    def _run(self) -> Generator[T, None, None]:
        client, model, path = self._client, self._model, self._path
        start = time.monotonic()
        try:
            self._response = client.send("POST", path, self._body, model)
            lines = LineSplitter(LINE_LIMIT)
            pieces = self._response.iter_raw()
            for piece in pieces:
                if client.late(start):
                    raise client.error("total", "", model, path)
                for line in lines.feed(piece):
                    if (value := line_object(line)) is not None:
                        found = self._read(value)
                        yield found
                        if self._is_last(found):
                            self._drain(pieces)
                            return
            if (value := line_object(lines.rest())) is not None:
                found = self._read(value)
                yield found
                if self._is_last(found):
                    return
            raise client.error("eof", "", model, path)
        except LineFailure as problem:
            raise client.error(problem.fact, problem.detail, model, path) from None
        except httpx.TransportError as error:
            if isinstance(error, httpx.TimeoutException) and client.late(start):
                raise client.error("total", "", model, path) from None
            raise client.transport_error(error, model, path, began=True) from None
        except OllamaStalled:
            if client.late(start):
                raise client.error("total", "", model, path) from None
            raise
        finally:
            if self._response is not None:
                self._response.close()

    @staticmethod
    def _drain(pieces: Iterator[bytes]) -> None:
        """Reads the end of the body, at most a few pieces, so that the connection can be reused."""
        try:
            for number, _ in enumerate(pieces):
                if number > 16:
                    break
        except httpx.TransportError:
            pass

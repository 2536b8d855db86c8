"""The client on httpx, for installations without the engine. The tests compare it with the client in Rust."""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Literal, TypeVar

from lakebed._packages import required
from lakebed.prompts.address import Address
from lakebed.prompts.client import LINE_LIMIT, Chunk, Pulled, Timeouts
from lakebed.prompts.failures import Fact, failure
from lakebed.prompts.stream_lines import LineFailure, LineSplitter, chunk, line_object, pulled

with required():
    import httpx

_BODY_LIMIT = 64 << 20
_ERROR_LIMIT = 64 << 10
T = TypeVar("T", bound="Chunk | Pulled")


class HttpxClient:
    """A client of one server; see `client.Client`."""

    def __init__(self, address: Address, timeouts: Timeouts) -> None:
        self._address = address
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._aborted = False
        self._client = httpx.Client(
            base_url=address.url,
            headers={**address.headers, "User-Agent": "lakebed"},
            # Requests to this machine use no proxy of the environment.
            trust_env=not address.is_loopback,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            verify=ssl.create_default_context() if address.url.startswith("https") else False,
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
                    raise self.error("large", f"more than {_BODY_LIMIT >> 20} MiB", model)
            return bytes(data)
        except httpx.TransportError as error:
            raise self.transport_error(error, model, began=True) from None
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
        """The response to a request, of which the head is read: status 200, content type JSON. Raises the error for
        anything else."""
        waits = self._timeouts
        if self._aborted:
            raise self.error("canceled", "", model)
        request = self._client.build_request(
            method,
            path.lstrip("/"),
            content=body,
            headers={"Content-Type": "application/json"} if body is not None else None,
            timeout=httpx.Timeout(waits.first, connect=waits.connect),
            extensions={"trace": self._trace},
        )
        try:
            response = self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise self.transport_error(error, model, began=False) from None
        # httpcore reads this timeout when it begins to read the body.
        request.extensions["timeout"]["read"] = waits.stall
        kind = response.headers.get("content-type", "")
        if response.status_code == 200 and "json" in kind:
            return response
        try:
            if response.status_code == 200:
                raise self.error("content", f"it sends {kind or 'no content type'}", model)
            raise self._status(response, model)
        finally:
            response.close()

    def _status(self, response: httpx.Response, model: str) -> BaseException:
        text = bytearray()
        try:
            for piece in response.iter_bytes():
                text += piece
                if len(text) > _ERROR_LIMIT:
                    break
        except httpx.TransportError:
            pass
        wait = response.headers.get("retry-after", "").strip()
        seconds = float(wait) if wait.isdigit() and len(wait) < 10 else None
        return self.error("status", text.decode(errors="replace"), model, response.status_code, seconds)

    def transport_error(self, error: httpx.TransportError, model: str, *, began: bool) -> BaseException:
        """The error for an exception of httpx. `began`: the response had begun."""
        if self._aborted:
            return self.error("canceled", "", model)
        fact: Fact = "closed"
        match error:
            case httpx.ConnectTimeout():
                return self.error("connect", f"no answer within {self._timeouts.connect:g} s", model)
            case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
                return self.error("connect", _cause(error), model)
            case httpx.TimeoutException():
                fact = "stall" if began else "first"
        return self.error(fact, str(error), model)

    def error(
        self, fact: Fact, detail: str, model: str, status: int | None = None, retry_after: float | None = None
    ) -> BaseException:
        """The error for a fact about this server."""
        return failure(fact, detail, status, retry_after, self._address.url, model)

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Records the sockets of new connections, so that `abort` can end them."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        found = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(found)
            aborted = self._aborted
        if aborted:
            self.abort()


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
        client, model = self._client, self._model
        self._response = client.send("POST", self._path, self._body, model)
        lines = LineSplitter(LINE_LIMIT)
        try:
            pieces = self._response.iter_raw()
            for piece in pieces:
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
            raise client.error("eof", "", model)
        except LineFailure as problem:
            raise client.error(problem.fact, problem.detail, model) from None
        except httpx.TransportError as error:
            raise client.transport_error(error, model, began=True) from None
        finally:
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

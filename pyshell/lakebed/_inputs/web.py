"""Addresses as inputs: streamed, and gone on with where a connection breaks off. User names and passwords in an address
are used for the request, and never stored or shown."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from lakebed._inputs import files, names
from lakebed._inputs.made import Made
from lakebed._inputs.unpack import unpacked
from lakebed._packages import required
from lakebed.errors import StoreIOError

if TYPE_CHECKING:
    import httpx

__all__ = ["file_name", "inputs", "shown"]

_TRIES = 5
_BLOCK = 1 << 20
_TIMEOUT = 60.0


def shown(address: str) -> str:
    """The address without user, password, query and fragment, which may hold keys."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def file_name(address: str) -> str:
    """The name of the file at an address."""
    parts = urlsplit(address)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "download"


def inputs(address: str) -> Iterator[Made]:
    """The inputs at an address: a stream, or, of an archive or table, what a downloaded copy holds."""
    name = shown(address)
    form = names.suffixes(name)[0]
    if form not in (*names.TABLES, *names.ARCHIVES):
        yield Made(name, lambda: unpacked(io.BufferedReader(_Download(address), _BLOCK), name))
        return
    with tempfile.TemporaryDirectory(prefix="lakebed-") as directory:
        place = Path(directory) / file_name(address)
        with _Download(address) as download, place.open("wb") as out:
            while block := download.read(_BLOCK):
                out.write(block)
        for made in files.of_path(str(place), name):
            if isinstance(made, Made):
                yield made


class _Download(io.RawIOBase):
    """The bytes at an address. After a broken connection it asks for the rest, if the server says that it is the rest
    of the same."""

    def __init__(self, address: str) -> None:
        super().__init__()
        with required():
            import httpx
        self._httpx = httpx
        self._address = address
        self.name = shown(address)
        self._client = httpx.Client(follow_redirects=True, timeout=_TIMEOUT)
        self._response: httpx.Response | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._left = b""
        self._position = 0
        self._tag: str | None = None
        self._total: int | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into the buffer; how many bytes, 0 at the end."""
        tries = 0
        while not self._left:
            try:
                if self._response is None:
                    self._request()
                block = next(self._blocks, None)
            except self._httpx.TransportError as problem:
                self._hang_up()
                tries += 1
                may_go_on = self._position == 0 or self._tag is not None
                if tries >= _TRIES or not may_go_on:
                    raise self._failed(
                        f"the connection broke off after {self._position:,} bytes ({problem})"
                    ) from problem
                time.sleep(min(0.2 * 2**tries, 5))
                continue
            if block is None:
                return 0
            self._left = block
            self._position += len(block)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _request(self) -> None:
        # Bytes as they are: compression of the transfer would move the offsets.
        headers = {"Accept-Encoding": "identity"}
        if self._position:
            headers |= {"Range": f"bytes={self._position}-", "If-Range": self._tag or ""}
        try:
            request = self._client.build_request("GET", self._address, headers=headers)
            response = self._client.send(request, stream=True)
        except (self._httpx.InvalidURL, self._httpx.UnsupportedProtocol, self._httpx.TooManyRedirects) as problem:
            raise self._failed(str(problem)) from problem
        if self._position and response.status_code != 206:
            response.close()
            raise self._failed(
                f"the connection broke off after {self._position:,} bytes, and the file has changed since"
            )
        if not response.is_success:
            response.close()
            raise self._failed(f"the server answers {response.status_code} {response.reason_phrase}".strip())
        if not self._position:
            tag = response.headers.get("ETag", "")
            weak = not tag or tag.startswith("W/")
            self._tag = response.headers.get("Last-Modified") if weak else tag
        self._response = response
        self._blocks = response.iter_raw()

    def _failed(self, why: str) -> StoreIOError:
        advice = "check the address" if self._position == 0 else "try again"
        return StoreIOError(f"{self.name} cannot be read: {why}; {advice}.")

    def _hang_up(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def close(self) -> None:
        """Closes the connection."""
        if not self.closed:
            self._hang_up()
            self._client.close()
        super().close()

"""Which server is asked, and with which client."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, replace
from typing import Literal

from lakebed.errors import InvalidArgument
from lakebed.prompts.address import Address, address
from lakebed.prompts.client import LINE_LIMIT, Client, Timeouts

__all__ = ["Server", "find_server"]

_HASTE = 10.0
"""Seconds for the list of models, at most."""
ClientName = Literal["rust", "httpx", ""]


@dataclass(frozen=True)
class Server:
    """A server, and how it is asked."""

    address: Address
    timeouts: Timeouts = field(default_factory=Timeouts)
    client_name: ClientName = ""
    """The client to use; empty: the one in Rust if it is installed, else the one on httpx."""

    def hasty(self) -> Server:
        """The same server, asked what it can answer at once."""
        waits = self.timeouts
        return replace(self, timeouts=Timeouts(waits.connect, min(_HASTE, waits.first), min(_HASTE, waits.stall)))

    def client(self) -> Client:
        """A new client, which the caller closes. Raises `ImportError` when the client in Rust is demanded and not
        installed."""
        scope = scope_id(self.address)
        if self.client_name != "httpx":
            try:
                from lakebed._rust import OllamaClient
            except ImportError:
                if self.client_name == "rust":
                    raise
            else:
                return OllamaClient(
                    self.address.url,
                    headers=dict(self.address.headers),
                    proxies=not self.address.is_direct,
                    scope_id=scope,
                    connect=self.timeouts.connect,
                    first=self.timeouts.first,
                    stall=self.timeouts.stall,
                    total=self.timeouts.total,
                    line_limit=LINE_LIMIT,
                )
        from lakebed.prompts.httpx_client import HttpxClient

        return HttpxClient(self.address, self.timeouts, scope)


def scope_id(found: Address) -> int:
    """The index of the network interface of an address; 0 for an address without one. Raises `InvalidArgument`."""
    if not found.zone:
        return 0
    try:
        return int(found.zone) if found.zone.isdecimal() else socket.if_nametoindex(found.zone)
    except OSError:
        message = f"This machine has no network interface {found.zone}, which the address of the server names."
        raise InvalidArgument(message) from None


_CLIENTS: dict[str, ClientName] = {"rust": "rust", "httpx": "httpx"}


def find_server(host: str | None = None, timeouts: Timeouts | None = None) -> Server:
    """The server at `host`, else at OLLAMA_HOST, else at the default address. LAKEBED_OLLAMA_CLIENT chooses the client.

    Raises `InvalidArgument` for an address that is not one.
    """
    client_name = _CLIENTS.get(os.environ.get("LAKEBED_OLLAMA_CLIENT", ""), "")
    return Server(address(host, os.environ), timeouts or Timeouts(), client_name)

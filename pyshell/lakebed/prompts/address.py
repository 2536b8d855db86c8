"""The address and credentials of an Ollama server: OLLAMA_HOST and OLLAMA_API_KEY, as Ollama's own programs read them.
Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from lakebed.errors import InvalidArgument

DEFAULT_PORT = 11434
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """The address of a server."""

    url: str
    """`http://127.0.0.1:11434`: scheme, host, port, path; without credentials and without a slash at the end."""
    host: str
    named: bool
    """Whether it was given, as opposed to the default."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers with credentials; never shown, never stored."""

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine; then no proxy is used."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def is_cloud(self) -> bool:
        """Whether it is Ollama's own service."""
        return self.host == "ollama.com" or self.host.endswith(".ollama.com")


def address(host: str | None, environment: Mapping[str, str]) -> Address:
    """The address in `host`, else in OLLAMA_HOST, else the default one.

    `host:port`, `http://host`, `https://host:port/path`, `[::1]`; without a scheme the port is 11434. An address to
    listen on (0.0.0.0) becomes that of this machine. OLLAMA_API_KEY is sent to servers that were given, ollama.com
    among them, and never to the default; and over http:// only to this machine, since others on the way could read
    it. Raises `InvalidArgument`.
    """
    text = host if host is not None else environment.get("OLLAMA_HOST", "")
    text = text.strip().strip("\"'").strip()
    named = bool(text)
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
        port = DEFAULT_PORT
    elif scheme.lower() in _PORTS:
        scheme = scheme.lower()
        port = _PORTS[scheme]
    else:
        message = f"The address {_shown(text)!r} begins with {scheme}://; Ollama speaks http:// or https://."
        raise InvalidArgument(message)
    place, slash, path = rest.partition("/")
    credentials, at, place = place.rpartition("@")
    name, number = _split(place)
    # A dot at the end is another spelling of the same name.
    name = name.removesuffix(".")
    if not found and name.lower() == "ollama.com" and not number:
        scheme, port = "https", 443
    if number:
        if not number.isdigit() or not 0 < int(number) < 65536:
            message = f"The address {_shown(text)!r} has the port {number!r}; a port is a number from 1 to 65535."
            raise InvalidArgument(message)
        port = int(number)
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(name, name)
    if not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+(%25\w+)?\]", name) or re.search(r"[\s?#\x00-\x1f]", path):
        message = f"{_shown(text)!r} is no address of a server; write it like http://localhost:11434."
        raise InvalidArgument(message)
    headers: dict[str, str] = {}
    key = environment.get("OLLAMA_API_KEY", "").strip()
    if at:
        basic = base64.b64encode(unquote(credentials).encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
    found_address = Address(f"{scheme}://{name}:{port}{slash}{path}".rstrip("/"), name.lower(), named, headers)
    if not at and key and named and (scheme == "https" or found_address.is_loopback):
        if not key.isascii() or not key.isprintable():
            message = "OLLAMA_API_KEY holds characters that no key has; copy it again."
            raise InvalidArgument(message)
        headers["Authorization"] = f"Bearer {key}"
    return found_address


def _split(place: str) -> tuple[str, str]:
    """Host and port; an IPv6 address comes out in brackets."""
    if place.startswith("["):
        inside, _, rest = place[1:].partition("]")
        return f"[{inside}]", rest.removeprefix(":")
    if place.count(":") > 1:
        return f"[{place}]", ""
    name, _, number = place.partition(":")
    return name, number


def _shown(text: str) -> str:
    """The address without what may be a password."""
    return re.sub(r"//.*@|^[^/]*@", lambda found: "//***@" if found[0].startswith("//") else "***@", text)


def is_cloud_name(model: str) -> bool:
    """Whether the name of a model says that it runs at ollama.com."""
    tag = model.rpartition(":")[2]
    return model.endswith(":cloud") or (":" in model and tag.endswith("-cloud"))


def full_name(model: str) -> str:
    """The name of a model with its tag: `llama3.2` is `llama3.2:latest`."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"

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

    zone: str = ""
    """The network interface of a link-local IPv6 address, which `url` does not contain: a name or a number."""

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        found = self._ip
        return found.is_loopback if found is not None else _is_localhost(self.host)

    @property
    def is_direct(self) -> bool:
        """Whether it is this machine or on its link, where no proxy can be; then none is used."""
        found = self._ip
        return self.is_loopback or (found is not None and found.is_link_local)

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            found = ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return None
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return mapped or found

    @property
    def is_cloud(self) -> bool:
        """Whether it is Ollama's own service."""
        return self.host == "ollama.com" or self.host.endswith(".ollama.com")


def address(host: str | None, environment: Mapping[str, str]) -> Address:
    """The address in `host`, else in OLLAMA_HOST, else the default one.

    `host:port`, `http://host`, `https://host:port/path`, `[::1]`, `[fe80::1%eth0]`; without a scheme the port is 11434.
    Short IPv4 addresses (`127.1`) become long ones, and an address to listen on (`0.0.0.0`, `0`) that of this machine.
    OLLAMA_API_KEY is sent to servers that were given, ollama.com
    among them, and never to the default. Raises `InvalidArgument`.
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
    if not found and name == "ollama.com" and not number:
        scheme, port = "https", 443
    if number:
        if not number.isdigit() or not 0 < int(number) < 65536:
            message = f"The address {_shown(text)!r} has the port {number!r}; a port is a number from 1 to 65535."
            raise InvalidArgument(message)
        port = int(number)
    name, zone = _host(name)
    if not name or re.search(r"[\s?#\x00-\x1f]", path):
        message = f"{_shown(text)!r} is no address of a server; write it like http://localhost:11434."
        raise InvalidArgument(message)
    if zone and scheme == "https":
        message = f"{_shown(text)!r} is an address of the interface {zone}, and no certificate names that: use http://."
        raise InvalidArgument(message)
    if re.search(r"(^|/)v1(/(chat/completions|completions|models|embeddings))?/*$", path):
        message = (
            f"{_shown(text)!r} is the address of OpenAI's interface (/v1), and prompts use Ollama's own: give the address "
            f"of the Ollama server without /v1."
        )
        raise InvalidArgument(message)
    headers: dict[str, str] = {}
    key = environment.get("OLLAMA_API_KEY", "").strip()
    if at:
        basic = base64.b64encode(unquote(credentials).encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
    elif key and named:
        if not key.isascii() or not key.isprintable():
            message = "OLLAMA_API_KEY holds characters that no key has; copy it again."
            raise InvalidArgument(message)
        headers["Authorization"] = f"Bearer {key}"
    return Address(f"{scheme}://{name}:{port}{slash}{path}".rstrip("/"), name.lower(), named, headers, zone)


def _split(place: str) -> tuple[str, str]:
    """Host and port; an IPv6 address comes out in brackets."""
    if place.startswith("["):
        inside, _, rest = place[1:].partition("]")
        return f"[{inside}]", rest.removeprefix(":")
    if place.count(":") > 1:
        return f"[{place}]", ""
    name, _, number = place.partition(":")
    return name, number


def _host(name: str) -> tuple[str, str]:
    """The host as a URL has it, and the interface of a link-local address; an empty host if it is none."""
    if name.startswith("["):
        text, _, zone = name[1:-1].partition("%")
        zone = zone.removeprefix("25") if re.fullmatch(r"25.+", zone) else zone
        try:
            six = ipaddress.IPv6Address(text)
        except ValueError:
            return "", ""
        if "%" in name and not re.fullmatch(r"[\w.-]+", zone):
            return "", ""
        return ("[::1]" if six.is_unspecified else f"[{six}]"), zone
    if not name:
        return "127.0.0.1", ""
    if re.fullmatch(r"(0[xX][0-9A-Fa-f]*|[0-9]+)", name.removesuffix(".").rpartition(".")[2]):
        four = _ipv4(name.removesuffix("."))
        return ("" if four is None else "127.0.0.1" if four.is_unspecified else str(four)), ""
    return (name, "") if re.fullmatch(r"[\w.-]+", name) else ("", "")


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address in any way of writing that `connect` understands: 1 to 4 parts, the last of which fills the rest,
    decimal, octal (0177) or hexadecimal (0x7f)."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    value = 0
    for place, part in enumerate(parts):
        if not re.fullmatch(r"0[xX][0-9A-Fa-f]*|[0-9]+", part):
            return None
        is_octal = len(part) > 1 and part[0] == "0" and part[1] not in "xX"
        try:
            number = int(part[2:] or "0", 16) if part[:2] in ("0x", "0X") else int(part, 8 if is_octal else 10)
        except ValueError:
            return None
        size = 1 if place + 1 < len(parts) else 5 - len(parts)
        if number >= 256**size:
            return None
        value = value * 256**size + number
    return ipaddress.IPv4Address(value)


def _is_localhost(host: str) -> bool:
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _shown(text: str) -> str:
    """The address without what may be a password."""
    return re.sub(r"//.*@|^[^/]*@", lambda found: "//***@" if found[0].startswith("//") else "***@", text)

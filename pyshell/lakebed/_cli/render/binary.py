"""Binary data described for people. Pure."""

from __future__ import annotations

from lakebed._cli.render.cells import ELLIPSIS, size

_SIGNATURES = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"%PDF", "PDF"), (b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"RIFF", "RIFF"), (b"PAR1", "Parquet"), (b"SQLite format 3", "SQLite"), (b"\x7fELF", "ELF"),
    (b"\x37\xa4\x30\xec", "zstd dictionary"),
)  # fmt: skip
"""The first bytes of well-known formats."""


def described(length: int, beginning: bytes) -> str:
    """The probable format, the size and the first bytes of a value: `PNG, 12.3 kB, \\x89PNG\\x0d…`.

    `length` is the length of the whole value in bytes, of which `beginning` holds the first.
    """
    kind = next((name for signature, name in _SIGNATURES if beginning.startswith(signature)), None)
    text = _as_text(beginning, is_cut=length > len(beginning)) if kind is None else None
    if text is not None:
        kind = "JSON" if text[:1] in ("{", "[") else "text"
        return f"{kind}, {size(length)}, {text}{ELLIPSIS if length > len(beginning) else ''}"
    shown = "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in beginning[:8])
    return f"{kind or 'binary'}, {size(length)}, {shown}{ELLIPSIS if length > 8 else ''}"


def _as_text(data: bytes, *, is_cut: bool) -> str | None:
    """The bytes as text, None when they are not UTF-8 text; with `is_cut` the last character may be incomplete."""
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        if not is_cut or problem.start < len(data) - 3:
            return None
        text = data[: problem.start].decode()
    return None if any(character < " " and character not in "\t\n\r" for character in text) else text

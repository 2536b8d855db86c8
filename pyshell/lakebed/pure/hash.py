"""`Hash`: the identity of a blob."""

from __future__ import annotations

from typing import Any, Self

from blake3 import blake3

from lakebed.errors import InvalidArgument
from lakebed.pure.format.coding import HASH_BYTES, Bytes
from lakebed.pure.json.quoting import quoted

__all__ = ["Hash", "bytes_of", "digest", "fingerprint", "named_range", "too_large"]


def digest(data: Bytes) -> bytes:
    """The BLAKE3-256 of bytes."""
    return blake3(data).digest()


def fingerprint(hash: bytes) -> int:
    """The first 8 bytes of a hash as a big-endian number: fingerprints sort like hashes."""
    return int.from_bytes(hash[:8], "big")


def too_large(size: int, limit: int) -> InvalidArgument:
    """The error of a blob that is larger than a store takes."""
    return InvalidArgument(f"A blob of {size} bytes is larger than the {limit} bytes that a store takes.")


def bytes_of(data: Any, limit: int | None = None) -> bytes:
    """A copy of what has the buffer protocol; `bytes` as they are. Raises `TypeError`; `InvalidArgument` for more bytes
    than `limit`."""
    if type(data) is bytes:
        return data
    try:
        with memoryview(data) as view:
            if limit is not None and view.nbytes > limit:
                raise too_large(view.nbytes, limit)
            return view.tobytes()
    except TypeError:
        if isinstance(data, str):
            raise TypeError("a blob is bytes: encode text first, text.encode()") from None
        raise TypeError(f"a blob is bytes or anything with the buffer protocol, not {type(data).__name__}") from None


class Hash:
    """The identity of a blob: the BLAKE3-256 of exactly its bytes.

    `str(h)` is 64 hex characters, `bytes(h)` 32 bytes. Immutable, hashable, ordered like its bytes.
    """

    __slots__ = ("_bytes",)

    def __new__(cls, value: Hash | bytes | str, /) -> Self:
        raw = _whole(value)
        made = super().__new__(cls)
        object.__setattr__(made, "_bytes", raw)
        return made

    @staticmethod
    def of(data: bytes | bytearray | memoryview, /) -> Hash:
        """The hash that these bytes have, or would have, in any store."""
        return Hash(digest(bytes_of(data)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Hash has no attribute {name!r} that can be set")

    def __bytes__(self) -> bytes:
        return self._bytes  # type: ignore[attr-defined, no-any-return]

    def __str__(self) -> str:
        return bytes(self).hex()

    def __repr__(self) -> str:
        return f"Hash('{self}')"

    def __hash__(self) -> int:
        return fingerprint(bytes(self))

    def __eq__(self, other: object, /) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, Hash) else NotImplemented

    def __lt__(self, other: Hash, /) -> bool:
        return bytes(self) < bytes(other) if isinstance(other, Hash) else NotImplemented

    def __le__(self, other: Hash, /) -> bool:
        return bytes(self) <= bytes(other) if isinstance(other, Hash) else NotImplemented

    def __gt__(self, other: Hash, /) -> bool:
        return bytes(self) > bytes(other) if isinstance(other, Hash) else NotImplemented

    def __ge__(self, other: Hash, /) -> bool:
        return bytes(self) >= bytes(other) if isinstance(other, Hash) else NotImplemented

    def __reduce__(self) -> tuple[type[Hash], tuple[bytes]]:
        return type(self), (bytes(self),)


Hash.__module__ = "lakebed"


def _not_32(raw: bytes) -> InvalidArgument:
    return InvalidArgument(f"A hash has 32 bytes, these are {len(raw)}; to look up hex characters pass them as text.")


def _whole(value: object) -> bytes:
    """The 32 bytes that a value names. Raises `InvalidArgument`, `TypeError`."""
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if len(raw) != HASH_BYTES:
            raise _not_32(raw)
        return raw
    if isinstance(value, str):
        if len(value.encode()) != 2 * HASH_BYTES:
            raise InvalidArgument(f"A hash has 64 hex characters, {quoted(value)} has {len(value.encode())}.")
        if not _is_hex(value):
            raise InvalidArgument(f"{quoted(value)} is no hash: it has characters that are not hex digits.")
        return bytes.fromhex(value)
    if _is_hash(value):
        return bytes(value)  # type: ignore[call-overload, no-any-return]
    raise TypeError(f"a blob is named by a lakebed.Hash, 32 bytes or hex text, not {type(value).__name__}")


def named_range(value: object) -> tuple[bytes, bytes]:
    """The smallest and the largest hash that a hash, its bytes, its hex text or a prefix of that names.

    Raises `InvalidArgument`, `TypeError`.
    """
    if isinstance(value, bytes | bytearray | memoryview) or _is_hash(value):
        raw = bytes(value)  # type: ignore[call-overload]
        if len(raw) != HASH_BYTES:
            raise _not_32(raw)
        return raw, raw
    if isinstance(value, str):
        if not value or len(value) > 2 * HASH_BYTES or not _is_hex(value):
            raise InvalidArgument(f"{quoted(value)} is no hash and no prefix of one: those are 1 to 64 hex characters.")
        return bytes.fromhex(value.ljust(2 * HASH_BYTES, "0")), bytes.fromhex(value.ljust(2 * HASH_BYTES, "f"))
    raise TypeError(f"a blob is named by a lakebed.Hash, 32 bytes or hex text, not {type(value).__name__}")


def _is_hash(value: object) -> bool:
    """Whether it is a hash of this or of another backend."""
    return isinstance(value, Hash) or (type(value).__name__ == "Hash" and type(value).__module__ == "lakebed")


def _is_hex(text: str) -> bool:
    return text.isascii() and all(sign in "0123456789abcdefABCDEF" for sign in text)

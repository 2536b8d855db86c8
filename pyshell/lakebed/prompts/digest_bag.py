"""A multiset of digests with 16 bytes for each: small enough for all results of a collection."""

from __future__ import annotations

import hashlib

_WIDTH = 16
_BUCKETS = 1 << 12


def digest_of(data: bytes) -> bytes:
    """The digest of some bytes."""
    return hashlib.blake2b(data, digest_size=_WIDTH).digest()


class DigestBag:
    """Digests, each as often as it was added. Digests are 16 bytes of a hash; equal ones stand for equal data."""

    def __init__(self) -> None:
        self._buckets: list[bytearray] = [bytearray() for _ in range(_BUCKETS)]

    def add(self, digest: bytes) -> None:
        """Adds a digest once more."""
        self._bucket(digest).extend(digest)

    def take(self, digest: bytes) -> bool:
        """Removes a digest once. Returns whether it was there."""
        bucket = self._bucket(digest)
        at = _find(bucket, digest)
        if at < 0:
            return False
        bucket[at : at + _WIDTH] = bucket[-_WIDTH:]
        del bucket[-_WIDTH:]
        return True

    def __contains__(self, digest: bytes) -> bool:
        return _find(self._bucket(digest), digest) >= 0

    def __len__(self) -> int:
        return sum(map(len, self._buckets)) // _WIDTH

    def _bucket(self, digest: bytes) -> bytearray:
        return self._buckets[(digest[0] << 4 | digest[1] >> 4)]


def _find(bucket: bytearray, digest: bytes) -> int:
    """The place of a digest; -1 if it is not there."""
    at = bucket.find(digest)
    while at > 0 and at % _WIDTH:
        at = bucket.find(digest, at + 1)
    return at

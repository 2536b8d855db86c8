"""Compression of inputs, recognised by content."""

from __future__ import annotations

import zlib

import zstandard
from blake3 import blake3

from lakebed.errors import BadRecord, StoreIOError
from lakebed.pure.ingest.messages import cannot_read
from lakebed.pure.ingest.readers import Reader

__all__ = ["Raw", "decompressed"]

_BLOCK = 256 << 10
_PEEK = 8
_MAY_BE_PACKED = frozenset(b"\x1f\x28\x04B\xfd\xfe\xff") | frozenset(range(0x50, 0x60))
_LARGEST_WINDOW = 1 << 31

_OTHERS = (
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"BZh", "compressed with bzip2; decompress it first (bzcat FILE | lakebed ingest -)"),
    (b"\xfd7zXZ", "compressed with xz; decompress it first (xzcat FILE | lakebed ingest -)"),
    (b"\x04\x22\x4d\x18", "compressed with lz4; decompress it first (lz4 -dc FILE | lakebed ingest -)"),
    (b"PAR1", "a Parquet file, not NDJSON; DuckDB's read_parquet reads it as it is"),
    (b"\xff\xfe", "UTF-16 text; JSON is UTF-8, convert it first (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "UTF-16 text; JSON is UTF-8, convert it first (iconv -f UTF-16 -t UTF-8)"),
)


class Raw:
    """An input before decompression: counts and hashes its bytes."""

    def __init__(self, name: str, reader: Reader) -> None:
        self.name = name
        self.bytes = 0
        """Bytes read so far."""
        self._reader = reader
        self._hasher = blake3()
        self._is_content = False
        self._first = b""
        self._seen_end = False

    def read(self, size: int) -> bytes | None:
        """As of a reader. Raises `StoreIOError`."""
        if self._first:
            found: bytes | None = self._first[:size]
            self._first = self._first[size:]
        else:
            found = self._more(size)
        if found:
            self.bytes += len(found)
            if not self._is_content:
                self._hasher.update(found)
        return found

    def _more(self, size: int) -> bytes | None:
        try:
            return self._reader.read(size)
        except OSError as cause:
            if type(cause).__module__.startswith("lakebed"):
                raise
            raise cannot_read(self.name, cause) from cause

    def beginning(self) -> bytes:
        """The first bytes, as many as tell the compression. JSON is told by its first byte: a stream may give no more
        for a while."""
        first = b""
        while len(first) < _PEEK:
            more = self._more(_PEEK - len(first) if first else 1)
            if more is None:
                continue
            first += more
            if not more or first[0] not in _MAY_BE_PACKED:
                break
        self._first = first
        return first

    def is_content(self) -> None:
        """It turned out to be the content itself, whose hash is computed anyway."""
        self._is_content = True

    def digest(self) -> bytes | None:
        """The hash of the bytes read so far; None where they are the content itself."""
        return None if self._is_content else self._hasher.digest()

    def close(self) -> None:
        """Closes the input."""
        self._reader.close()


def decompressed(raw: Raw) -> tuple[bool, Reader]:
    """Whether an input is not compressed, and the reader of its content. Raises `BadRecord` for a format that is not
    NDJSON, `StoreIOError`."""
    first = raw.beginning()
    for begin, what in _OTHERS:
        if first.startswith(begin):
            raise BadRecord(f"{raw.name} is {what}.")
    if first.startswith(b"\x1f\x8b"):
        return False, _Gzip(raw)
    if first.startswith(b"\x28\xb5\x2f\xfd") or (first[1:4] == b"\x2a\x4d\x18" and 0x50 <= first[0] < 0x60):
        return False, _Zstd(raw)
    return True, raw


class _Unpacked:
    """The decompressed bytes of all members or frames of an input."""

    what = ""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._packed = b""
        self._out = b""
        self._member = self._begin()
        self._is_new = True
        """The member has not begun."""
        self._ended = False

    def _begin(self) -> zlib._Decompress | zstandard.ZstdDecompressionObj:
        raise NotImplementedError

    def read(self, size: int) -> bytes | None:
        while not self._out:
            if self._ended:
                return b""
            if not self._packed:
                more = self._raw.read(_BLOCK)
                if more is None:
                    return None
                if not more:
                    if not self._is_new:
                        raise self._damaged(f"the {self.what} data is cut off; copy or fetch the file again")
                    self._ended = True
                    return b""
                self._packed = more
            self._out = self._decompressed()
        found, self._out = self._out[:size], self._out[size:]
        return found

    def _decompressed(self) -> bytes:
        packed, self._packed = self._packed, b""
        self._is_new = False
        try:
            found = self._member.decompress(packed)
        except (zlib.error, zstandard.ZstdError):
            raise self._damaged(
                f"the {self.what} data is damaged, or followed by something that is no {self.what}; copy or fetch the file again"
            ) from None
        if self._member.eof:
            self._packed = self._member.unused_data
            self._member, self._is_new = self._begin(), True
        return found

    def _damaged(self, what: str) -> StoreIOError:
        return StoreIOError(f"Reading {self._raw.name} failed: {what}.")

    def close(self) -> None:
        self._raw.close()


class _Gzip(_Unpacked):
    what = "gzip"

    def _begin(self) -> zlib._Decompress:
        return zlib.decompressobj(wbits=31)


class _Zstd(_Unpacked):
    what = "zstd"

    def _begin(self) -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).decompressobj()

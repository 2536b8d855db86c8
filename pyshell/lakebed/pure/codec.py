"""zstd in the magicless format of frames, with and without dictionaries."""

from __future__ import annotations

import threading

import zstandard

from lakebed.errors import BadRecord
from lakebed.pure.format.coding import Bytes, Malformed

__all__ = ["Compressor", "Decompressor", "ZstdDecoder", "ZstdStream", "stored_dictionary"]

_MAGICLESS = zstandard.FORMAT_ZSTD1_MAGICLESS


def stored_dictionary(data: bytes) -> zstandard.ZstdCompressionDict:
    """A dictionary in zstd's format, for a `Compressor` or `Decompressor`. Raises `Malformed`."""
    try:
        return zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_FULLDICT)
    except (zstandard.ZstdError, ValueError) as problem:
        raise Malformed(f"a dictionary cannot be used: {problem}") from None


class Compressor:
    """Compresses payloads at one level, with one dictionary or none. May be used from several threads, in turn."""

    def __init__(self, level: int, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        parameters = zstandard.ZstdCompressionParameters(
            compression_level=level,
            format=_MAGICLESS,
            write_content_size=False,
            write_checksum=False,
            write_dict_id=False,
        )
        self._zstd = zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary)
        self._lock = threading.Lock()

    def compress(self, payload: Bytes) -> bytes:
        """One zstd frame."""
        with self._lock:
            return self._zstd.compress(payload)


class Decompressor:
    """Decompresses payloads, with one dictionary or none. May be used from several threads, in turn."""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        self._zstd = zstandard.ZstdDecompressor(dict_data=dictionary, format=_MAGICLESS)
        self._lock = threading.Lock()

    def decompress(self, payload: Bytes, raw: int) -> bytes:
        """The `raw` bytes of a zstd frame. Raises `Malformed`."""
        if raw == 0:
            return b""
        try:
            with self._lock:
                data = self._zstd.decompress(payload, max_output_size=raw, allow_extra_data=False)
        except zstandard.ZstdError as problem:
            raise Malformed(f"a payload cannot be decompressed: {problem}") from None
        if len(data) != raw:
            raise Malformed("a payload is shorter than its frame says")
        return data


class ZstdDecoder:
    """Decompresses zstd frames, one after the other."""

    def __init__(self) -> None:
        self._zstd = _begun()
        self._is_whole = True

    def decompress(self, data: bytes, /) -> bytes:
        """Add bytes. Returns what they decompress to: give few at a time. Raises `BadRecord` for damage."""
        parts = []
        while data:
            try:
                parts.append(self._zstd.decompress(data))
            except zstandard.ZstdError as problem:
                raise BadRecord(f"The zstd data is damaged: {problem}.") from None
            self._is_whole = self._zstd.eof
            if not self._is_whole:
                break
            data = self._zstd.unused_data
            self._zstd = _begun()
        return b"".join(parts)

    @property
    def is_whole(self) -> bool:
        """Whether what was added ends with the end of a frame."""
        return self._is_whole


def _begun() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


class ZstdStream:
    """Compresses a stream of bytes into one zstd frame."""

    def __init__(self, level: int) -> None:
        self._zstd = zstandard.ZstdCompressor(level=level).compressobj()

    def compress(self, data: bytes, /) -> bytes:
        """Add bytes. Returns what is ready of the frame, which may be nothing."""
        return self._zstd.compress(data)

    def finish(self) -> bytes:
        """End the frame. Returns the rest of it."""
        return self._zstd.flush()

"""The pairs that key-value engines store: BLAKE3 of a line, and the line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from blake3 import blake3

from bench.records import read


def batches(source: Path, size: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """Lists of at most `size` pairs."""
    lines = read(source)
    while batch := list(islice(lines, size)):
        yield [(blake3(line).digest(), line) for line in batch]

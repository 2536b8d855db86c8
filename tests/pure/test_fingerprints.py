"""Tables store the first bits of fingerprints: what these find wrongly, the content settles, in both engines."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from blake3 import blake3

import lakebed
from lakebed import _backend
from lakebed.pure.format import block as blocks
from lakebed.pure.format import footer
from lakebed.pure.format.block import Block
from lakebed.pure.format.checksums import Pages, checksum, page_checksums
from lakebed.pure.format.fingerprint_table import FINGERPRINT_BITS, FingerprintTable, TableExtent, encode_table
from lakebed.pure.format.footer import Trailer
from lakebed.pure.format.header import Header
from lakebed.pure.format.run import decode_bucket, encode_bucket
from tests.pure.twins import opened

BACKENDS = _backend.installed()


@functools.cache
def alike() -> tuple[bytes, bytes]:
    """Two blobs whose hashes begin with the same bits, as many as a table stores."""
    seen: dict[int, bytes] = {}
    for number in range(4_000_000):
        data = b"%d" % number
        stored = int.from_bytes(blake3(data).digest(8), "big") >> (64 - FINGERPRINT_BITS)
        if stored in seen:
            return seen[stored], data
        seen[stored] = data
    raise AssertionError("no two are alike")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("between", [[], ["commit"], ["seal"], ["seal", "run"]], ids=" ".join)
def test_blobs_with_the_same_stored_bits_are_told_apart(
    tmp_path: Path, backend: _backend.Backend, between: list[str]
) -> None:
    one, other = alike()
    path = tmp_path / "test.lakebed"
    with opened(backend, path) as store:
        first = store.put(one)
        if "commit" in between:
            store.commit()
        if "seal" in between:
            store.seal()
        for number in range(10 if "run" in between else 0):
            store.put(b"in a segment of its own: %d" % number)
            store.seal()
        with pytest.raises(lakebed.BlobNotFound):
            store.get(lakebed.Hash.of(other))
        second = store.put(other)
        assert first != second == lakebed.Hash.of(other)
        store.seal()
        assert store.put(one) == first
        assert store.put(other) == second
        assert store.stats().blobs == 2 + (10 if "run" in between else 0)
    for reader in BACKENDS:
        with opened(reader, path, "r") as store:
            assert (store.get(first), store.get(second)) == (one, other)
            assert store.verify().ok
        assert bool(list(path.glob("index/*"))) == ("run" in between)


@pytest.fixture(params=BACKENDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store of two sealed segments: the footer of the second has a table of its own."""
    path = tmp_path / "test.lakebed"
    with opened(request.param, path) as store:
        for number in range(20):
            store.put(b"%d in one group" % number)
        store.seal()
        for number in range(6):
            store.put(b"%d in its own group" % number)
            store.commit()
        store.seal()
    return path


def kinds(path: Path) -> Sequence[str]:
    """The kinds of problems, each once; the engines agree."""
    found = []
    for backend in BACKENDS:
        with opened(backend, path, "r") as store:
            found.append(sorted({problem.kind for problem in store.verify().problems}))
    assert found[0] == found[-1]
    return found[0]


def forge(path: Path, kind: int, change: Callable[[bytes], bytes]) -> None:
    """Other data of the same length in a section of the footer of a segment, with all checksums right."""
    data = bytearray(path.read_bytes())
    head = Header.decode(data)
    at = len(data) - footer.SIZE
    trailer = Trailer.decode(bytes(data[at:]), at, head)
    block = Block.decode(bytes(data[trailer.block :][: trailer.length]), head.salt, trailer.block)
    section = block.sections[kind]
    changed = change(bytes(data[section.offset :][: section.length]))
    assert len(changed) == section.length
    data[section.offset : section.offset + section.length] = changed
    digest = checksum(head.salt, section.offset, changed)
    if section.paged:
        array = page_checksums(head.salt, section.offset, changed)
        data[section.array : section.array + len(array)] = array
        digest = checksum(head.salt, section.array, array)
    entry = trailer.block + 16 + 32 * list(block.sections).index(kind)
    struct.pack_into("<Q", data, entry + 24, digest)
    end = trailer.block + blocks.head_length(bytes(data[trailer.block :]))
    sealed = checksum(head.salt, trailer.block, bytes(data[trailer.block : end]))
    struct.pack_into("<Q", data, end, sealed)
    data[at:] = trailer._replace(block_checksum=sealed).encode(head.salt, at)
    path.write_bytes(data)


def fingerprints(table: bytes) -> list[int]:
    """Those of a table, in the order of the ids."""
    view = memoryview(table)
    return list(FingerprintTable(Pages(view, memoryview(page_checksums(0, 0, view)), 0, 0)).by_ordinal())


def swapped(table: bytes) -> bytes:
    first, second, *others = fingerprints(table)
    return encode_table([second, first, *others])


def with_one_twice(table: bytes) -> bytes:
    """The table, which has one bucket, with the first ordinal in place of the second."""
    value_bits = (int.from_bytes(table[:8], "little") - 1).bit_length()
    first, second, *others = decode_bucket(table[16:], FINGERPRINT_BITS, value_bits)
    return table[:16] + encode_bucket([first, (second[0], first[1]), *others], FINGERPRINT_BITS, value_bits)


def test_a_table_of_a_footer_that_contradicts_the_groups(path):
    segment = path / "segments/000000000002.seg"
    whole = segment.read_bytes()
    forge(segment, blocks.FINGERPRINT_TABLE, lambda table: table)
    assert segment.read_bytes() == whole
    assert kinds(path) == []
    forge(segment, blocks.FINGERPRINT_TABLE, swapped)
    assert kinds(path) == ["blob", "footer"]
    segment.write_bytes(whole)
    # An ordinal that is there twice.
    forge(segment, blocks.FINGERPRINT_TABLE, with_one_twice)
    assert kinds(path) == ["footer"]
    segment.write_bytes(whole)
    forge(segment, blocks.FINGERPRINT_TABLE, lambda table: struct.pack("<Q", 5) + table[8:])
    assert kinds(path) == ["footer"]


def test_an_extent_that_leads_elsewhere(path):
    segment = path / "segments/000000000001.seg"
    whole = segment.read_bytes()

    def moved(**by: int) -> Callable[[bytes], bytes]:
        def change(data: bytes) -> bytes:
            (extent,) = TableExtent.decode(data)
            return TableExtent.encode([extent._replace(**{name: getattr(extent, name) + n for name, n in by.items()})])

        return change

    for by in ({"entries": 1}, {"offset": 8}, {"length": -1}):
        forge(segment, blocks.EXTENTS, moved(**by))
        assert "footer" in kinds(path), by
        segment.write_bytes(whole)
    assert kinds(path) == []

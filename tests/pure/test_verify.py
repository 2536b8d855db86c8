"""Structures that contradict each other, with all checksums right: both engines list the same kinds of problems."""

from __future__ import annotations

import dataclasses
import shutil
import struct
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import lakebed
from lakebed import _backend
from lakebed.pure.format.checksums import checksum, page_checksums
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.records import DictionaryAdded
from lakebed.pure.format.run import DIRECTORY_AT, RunHead, decode_bucket, encode_bucket
from lakebed.pure.format.store_file import StoreFile
from tests.pure.twins import opened

BACKENDS = _backend.installed()
RUST = BACKENDS[0]


def kinds(path: Path, **options: Any) -> Sequence[str]:
    """The kinds of problems, each once; the engines agree."""
    found = []
    for backend in BACKENDS:
        with opened(backend, path, "r") as store:
            found.append(sorted({problem.kind for problem in store.verify(**options).problems}))
    assert found[0] == found[-1]
    return found[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of twelve sealed segments with an index run, and an active one."""
    path = tmp_path / "test.lakebed"
    with opened(RUST, path, segment_bytes=1 << 20) as store:
        for n in range(12):
            store.append("c", [{"n": n}, {"same": True}])
            store.put(b"blob %d" % n)
            store.append("d", [[n]])
            store.seal()
        store.append("c", [{"last": True}])
    return path


def forge(path: Path, **changes: Callable[[Any], Any]) -> None:
    """Another newest manifest: fields by what makes of the old value the new one."""
    file = max((path / "manifests").iterdir())
    uuid = StoreFile.decode((path / "FORMAT").read_bytes()).uuid
    manifest = Manifest.decode(file.read_bytes(), int(file.name), uuid)
    changed = {name: change(getattr(manifest, name)) for name, change in changes.items()}
    file.write_bytes(dataclasses.replace(manifest, **changed).encode(int(file.name), uuid, 7))


def entry(at: int, **changes: Callable[[int], int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Changes one of a manifest's entries."""

    def change(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        old = entries[at]
        new = old._replace(**{name: change(getattr(old, name)) for name, change in changes.items()})
        return (*entries[:at], new, *entries[at + 1 :])

    return change


def test_a_whole_store_has_no_problems(path):
    assert kinds(path) == kinds(path, quick=True) == kinds(path, since=5) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"segments": entry(2, rows=lambda rows: rows + 1)}, ["manifest"]),
        ({"segments": entry(2, raw_bytes=lambda raw: raw - 1)}, ["manifest"]),
        ({"segments": entry(3, last_commit=lambda commit: commit + 1)}, ["manifest"]),
        ({"collections": entry(1, next_seq=lambda seq: seq + 3)}, ["rows"]),
        ({"collections": entry(1, next_seq=lambda seq: seq - 1)}, ["rows"]),
        ({"collections": entry(1, deleted_rows=lambda rows: rows + 1)}, ["rows"]),
        ({"last_seal": lambda seal: seal ^ 1}, ["link"]),
        ({"segments": lambda entries: entries[1:]}, ["row_blob", "rows"]),
        (
            {
                "dictionaries": lambda _: (DictionaryAdded(1, 1, 1, 0, bytes(32), 8),),
                "next_dictionary": lambda _: 2,
            },
            ["dictionary"],
        ),
    ],
)
# One that contradicts itself counts as damaged: then the footers say it.
@pytest.mark.filterwarnings("ignore:The newest manifest of .* is damaged or missing:RuntimeWarning")
def test_a_manifest_that_says_otherwise(path, changes, expected):
    forge(path, **changes)
    with warnings.catch_warnings():
        # Of a manifest that contradicts itself; the footers say what it said before.
        warnings.simplefilter("ignore", RuntimeWarning)
        _agree(path, expected)


def _agree(path: Path, expected: Sequence[str]) -> None:
    assert kinds(path) == kinds(path, quick=True) == expected


def test_a_segment_of_a_diverged_copy(tmp_path):
    paths = [tmp_path / "mine.lakebed", tmp_path / "other.lakebed"]
    with opened(RUST, paths[0]) as store:
        store.append("c", [1])
    shutil.copytree(*paths)
    for at, path in enumerate(paths):
        with opened(RUST, path) as store:
            store.append("c", [[at]])
            store.seal()
            store.append("c", [3])
    name = "segments/000000000001.seg"
    assert len((paths[0] / name).read_bytes()) == len((paths[1] / name).read_bytes())
    shutil.copyfile(paths[1] / name, paths[0] / name)
    assert kinds(paths[0]) == kinds(paths[0], quick=True) == ["link"]


def test_a_run_that_lists_other_blobs(path):
    (file,) = (path / "index").iterdir()
    data = bytearray(file.read_bytes())
    head = RunHead.decode(data)
    assert head.bucket_bits == 0
    entries = decode_bucket(bytes(data[head.buckets_at :]), head.remainder_bits, head.place_bits)
    entries[-1] = (entries[-1][0], entries[-1][1] ^ 1)
    data[head.buckets_at :] = bucket = encode_bucket(entries, head.remainder_bits, head.place_bits)
    directory = struct.pack("<QQ", len(bucket), checksum(head.salt, head.buckets_at, bucket))
    data[DIRECTORY_AT : head.buckets_at] = directory + page_checksums(head.salt, DIRECTORY_AT, directory)
    file.write_bytes(data)
    assert kinds(path) == ["index_run"]
    data[head.buckets_at] ^= 1
    file.write_bytes(data)
    assert kinds(path) == ["index_run"]
    file.unlink()
    assert kinds(path) == []


def test_commits_to_check_from(path):
    for backend in BACKENDS:
        with opened(backend, path, "r") as store:
            last = len(store.commits())
            assert store.verify(since=last - 2).commits == 2
            assert store.verify(since=last).frames == 0
            with pytest.raises(lakebed.InvalidArgument, match="no commit"):
                store.verify(since=last + 1)

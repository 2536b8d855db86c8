"""Many segments in a process with few descriptors, with few mappings, or without."""

import os
import subprocess
import sys

import pytest

import lakebed

SEGMENTS = 150

READ = """
import gc, lakebed, resource, sys
kind, limit = sys.argv[2], int(sys.argv[3])
with lakebed.open(sys.argv[1], "r") as warm:
    next(warm.scan("things"))
if kind == "descriptors":
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
with lakebed.open(sys.argv[1], "r", cache_bytes=1 << 20, threads=1) as store:
    hashes = [row.hash for row in store.scan("things")]
    assert len(hashes) == 150, len(hashes)
    assert all(len(store.get(hash)) > 200_000 for hash in hashes)
    assert store.verify().problems == ()
    maps = sum(".seg" in line for line in open("/proc/self/maps"))
    print(maps)
"""


@pytest.fixture
def many_segments(path):
    with lakebed.open(path) as store:
        for number in range(SEGMENTS):
            store.append("things", [{"n": number, "text": os.urandom(100_000).hex()}])
            store.seal()
    return path


def read(path, kind, limit, **environment):
    done = subprocess.run(
        [sys.executable, "-c", READ, path, kind, str(limit)],
        env={"PATH": "/usr/bin:/bin", "LAKEBED_MMAP": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_few_descriptors(many_segments):
    assert read(many_segments, "descriptors", 40) >= SEGMENTS
    assert read(many_segments, "descriptors", 40, LAKEBED_MMAP="0") == 0


MANY = """
import lakebed, sys
with open("/proc/sys/vm/max_map_count") as allowed:
    most = int(allowed.read())
if most > 100_000:
    sys.exit(77)
held = []
# Two mappings for a segment would be more than the system allows.
while len(held) * 2 * 300 < most + 1000:
    store = lakebed.open(sys.argv[1], "r")
    held.append(store)
    assert sum(1 for _ in store.scan("things")) == 300
assert all(len(list(store.scan("things"))) == 300 for store in (held[0], held[-1]))
maps = sum(".seg" in line for line in open("/proc/self/maps"))
assert 1000 < maps <= most // 2, (maps, most)
# Other parts of the program still get theirs.
blocks = [bytearray(1 << 20) for _ in range(200)]
assert held[0].verify().problems == ()
"""


def test_more_segments_than_mappings(path):
    with lakebed.open(path) as store:
        for number in range(300):
            store.append("things", [{"n": number}])
            store.seal()
    done = subprocess.run(
        [sys.executable, "-c", MANY, path],
        env={"PATH": "/usr/bin:/bin", "LAKEBED_MMAP": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("the system allows more mappings than a test can take")
    assert done.returncode == 0, done.stderr


def test_without_mappings(many_segments):
    with lakebed.open(many_segments, "r", mmap=False) as store:
        assert len(list(store.scan("things"))) == SEGMENTS
        with open("/proc/self/maps") as maps:
            assert not any(str(many_segments) in line for line in maps)

"""A segment that is cut by another program while it is mapped, which is as a read error of the disk: an error, and not
the end of the process."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

import lakebed

CUT = 3
SEGMENTS = 6
ROWS = 500

BEGIN = """
import faulthandler, lakebed, os, sys, warnings
path, cut = sys.argv[1], f"{sys.argv[1]}/segments/000000000003.seg"
store = lakebed.open(path, "r", cache_bytes=1 << 16)
rows = [(row.hash, row.data) for row in store.scan("things")]

def spoil():
    os.truncate(cut, 4096)
"""

READS = {
    "get": """
spoil()
good = bad = 0
for hash, data in rows:
    try:
        assert store.get(hash) == data
        good += 1
    except (lakebed.StoreIOError, lakebed.Corrupt) as problem:
        assert "egment 3 " in str(problem), problem
        bad += 1
assert (good, bad) == (2500, 500), (good, bad)
""",
    "scan": """
spoil()
seen = 0
try:
    for row in store.scan("things"):
        assert (row.hash, row.data) == rows[seen]
        seen += 1
except lakebed.LakebedError as problem:
    assert "segment 3 " in str(problem).lower(), problem
assert 1000 <= seen < 1500, seen
""",
    "arrow": """
import pyarrow
pyarrow.table(store.arrow("things"))
spoil()
try:
    pyarrow.table(store.arrow("things"))
except Exception as problem:
    assert "egment 3 " in str(problem), problem
else:
    raise AssertionError
""",
    "export": """
spoil()
try:
    store.export("things", "/dev/null")
except lakebed.LakebedError as problem:
    assert "egment 3 " in str(problem), problem
else:
    raise AssertionError
""",
    "verify": """
assert store.verify().ok
spoil()
problems = store.verify().problems
assert {problem.segment for problem in problems if problem.segment} == {3}, problems
""",
    "sql": """
con = lakebed.connect(path)
query = "SELECT sum(length(text)), min(n) FROM things"
before = con.sql(query).fetchall()
spoil()
try:
    after = con.sql(query).fetchall()
except Exception as problem:
    assert "egment 3 " in str(problem), problem
else:
    assert before == after, (before, after)
""",
    "backup": """
spoil()
try:
    store.backup(path + ".backups")
except lakebed.Corrupt as problem:
    assert "egment 3 " in str(problem), problem
else:
    raise AssertionError
""",
}


@pytest.fixture(scope="module")
def whole_store(tmp_path_factory):
    path = tmp_path_factory.mktemp("read-errors") / "whole.lakebed"
    with lakebed.open(path) as store:
        for number in range(SEGMENTS):
            start = number * ROWS
            store.append("things", [{"n": n, "text": os.urandom(100).hex()} for n in range(start, start + ROWS)])
            store.commit()
            store.seal()
    return path


@pytest.fixture
def path(whole_store, tmp_path):
    path = tmp_path / "test.lakebed"
    shutil.copytree(whole_store, path)
    return path


def run(code, path, *flags, **environment):
    return subprocess.run(
        [sys.executable, *flags, "-W", "ignore", "-c", code, str(path)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("mmap", ["1", "0"])
@pytest.mark.parametrize("how", READS)
def test_it_is_an_error(path, how, mmap):
    done = run(BEGIN + READS[how], path, LAKEBED_MMAP=mmap)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("when", ["before", "after"])
def test_beside_the_fault_handler_of_python(path, when):
    if when == "before":
        done = run(BEGIN + READS["get"], path, "-X", "faulthandler")
        assert done.returncode == 0, done.stderr
    else:
        # Whoever comes later goes first: it reports, and the process ends.
        done = run(BEGIN + "faulthandler.enable()\n" + READS["get"], path)
        assert done.returncode == -signal.SIGBUS
        assert "Bus error" in done.stderr


@pytest.mark.parametrize("flags", [(), ("-X", "faulthandler")])
def test_faults_of_others_end_the_process_as_before(path, flags, tmp_path):
    code = (
        BEGIN
        + """
import mmap
with open(path + ".other", "w+b") as file:
    file.truncate(1 << 16)
    view = mmap.mmap(file.fileno(), 1 << 16)
    file.truncate(0)
    view[100]
"""
    )
    done = run(code, path, *flags)
    assert done.returncode == -signal.SIGBUS
    assert ("Bus error" in done.stderr) == bool(flags)


BUFFER = """
import lakebed, os, sys
path, hash = sys.argv[1].split("|")
store = lakebed.open(path, "r")
view = memoryview(store.buffer(hash))
os.truncate(f"{path}/segments/000000000001.seg", 4096)
print(sum(bytes(view)))
"""


def test_a_buffer_never_shows_zeros_instead(tmp_path):
    """It is a view of the file, of which nothing can say that it failed."""
    path = tmp_path / "raw.lakebed"
    with lakebed.open(path) as store:
        hash = store.put(os.urandom(1 << 20))
        store.seal()
    assert run(BUFFER, f"{path}|{hash}").returncode == -signal.SIGBUS
    with lakebed.open(path) as store:
        problems = store.verify().problems
        assert problems

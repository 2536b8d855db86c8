"""The engine in Rust stopped before every operation on files: the engine in Python recovers what a kill there leaves,
to what was acknowledged, and extends, compacts and repairs it."""

from __future__ import annotations

import os
import platform
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.pure import test_kill
from tests.pure.repairs import BACKENDS, repaired
from tests.pure.test_kill import seen
from tests.pure.traced import CALLS, watch
from tests.pure.twins import opened

EVERY = int(os.environ.get("LAKEBED_TEST_KILL_EVERY", "4"))
"""Of how many images one is tried: the writer is stopped at more than two hundred operations."""

SCRIPT = """
import sys
from pathlib import Path
from tests.pure.test_kill import BACKENDS, work
from tests.pure.twins import opened

class Told(list):
    def append(self, number):
        Path(sys.argv[2]).write_text(str(number))

print("ready", flush=True)
sys.stdin.readline()
opened(BACKENDS["rust"], Path(sys.argv[1])).close()
Path(sys.argv[2]).write_text("0")
store = opened(BACKENDS["rust"], Path(sys.argv[1]))
work(store, Told())
store.close()
"""


@pytest.fixture
def history(tmp_path: Path) -> dict[int, Any]:
    """The rows as of each commit of the whole workload."""
    return test_kill.states_of(BACKENDS["rust"], tmp_path / "whole.lakebed")


@pytest.mark.skipif(
    platform.machine() not in CALLS, reason="the numbers of system calls are not known for this machine"
)
def test_what_a_killed_writer_left_is_recovered(tmp_path, history):
    path, told = tmp_path / "killed.lakebed", tmp_path / "acknowledged"
    images = tmp_path / "images"
    images.mkdir()
    count = 0

    def image() -> None:
        nonlocal count
        if told.exists():
            count += 1
            if count % EVERY == 0:
                one = images / f"{count}"
                shutil.copytree(path, one / "store.lakebed")
                shutil.copy(told, one / "acknowledged")

    try:
        watch(SCRIPT, [str(path), str(told)], image)
    except PermissionError:
        pytest.skip("processes may not be watched here (ptrace)")
    assert count > 100
    for one in sorted(images.iterdir(), key=lambda one: int(one.name)):
        _check(one / "store.lakebed", int((one / "acknowledged").read_text() or 0), history, one.name)


def _check(path: Path, acknowledged: int, history: dict[int, Any], what: str) -> None:
    for_repair = path.with_name("repaired.lakebed")
    shutil.copytree(path, for_repair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with opened(BACKENDS["python"], path, "r") as reader:
            number, rows = seen(reader)
        assert number >= acknowledged, what
        assert (number, rows) == history[number], what
        with opened(BACKENDS["python"], path) as store:
            again = store.put(b"after the kill")
            store.commit()
            assert store.verify().ok, what
            store.compact()
            assert store.get(again) == b"after the kill"
            assert seen(store) == (number + 1, rows), what
        with opened(BACKENDS["rust"], path) as store:
            assert store.verify().ok, what
            assert seen(store) == (number + 1, rows), what
        report = repaired("python", for_repair)
        assert (report["losses"], report["problems"]) == ((), ()), what
        with opened(BACKENDS["rust"], for_repair) as store:
            assert seen(store) == (number, rows), what
            assert store.verify().ok, what
            store.put(b"more")

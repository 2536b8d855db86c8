"""The engine in Python killed at every operation on files: each engine recovers what it left, to what was acknowledged,
and extends, compacts and repairs it."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

import lakebed
from lakebed._backend import Backend
from tests.pure.repairs import BACKENDS, repaired
from tests.pure.twins import opened

OPERATIONS = ["pwrite", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir"]


class Killed(BaseException):
    """The process ends here: nothing after it reaches the disk."""


class Killer:
    """Lets operations through until one is counted out; that one and all later ones do not happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.count = 0
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, call: Any) -> Any:
        def operation(*args: Any, **named: Any) -> Any:
            self.count += 1
            if self.left is not None:
                if self.left <= 0:
                    raise Killed
                self.left -= 1
            return call(*args, **named)

        return operation


def work(store: lakebed.Store, acknowledged: list[int]) -> None:
    """A small workload. Notes each commit that was acknowledged."""
    for part in range(2):
        store.append("rows", [f'{{"part":{part},"n":{n}}}'.encode() for n in range(5)])
        store.put(bytes([part]) * 600)
        acknowledged.append(store.commit())
    store.append("columns", [f'{{"n":{n},"text":"of {n}"}}'.encode() for n in range(70)])
    acknowledged.append(store.commit())
    assert not store.compact("columns", layout="columns").stays_rows
    store.delete(lakebed.Hash.of(bytes(600)))
    store.append("dropped", [b"1", b"2"])
    acknowledged.append(store.commit())
    store.drop("dropped")
    acknowledged.append(store.snapshot.commit)
    store.trim("rows", before_seq=3)
    acknowledged.append(store.snapshot.commit)
    store.delete(lakebed.Hash.of(b'{"n":7,"text":"of 7"}'))
    acknowledged.append(store.commit())
    store.compact()
    store.append("rows", [b'{"last":1}'])
    store.compact(layout="rows")
    acknowledged.append(store.commit())


def seen(store: lakebed.Store) -> tuple[int, list[tuple[str, list[tuple[int, bytes]]]]]:
    """The commit that a store shows, and its rows."""
    names = [one.name for one in store.collections()]
    return store.snapshot.commit, [(name, [(row.seq, row.data) for row in store.scan(name)]) for name in names]


@pytest.fixture
def history(tmp_path: Path) -> dict[int, Any]:
    """The rows as of each commit of the whole workload."""
    return states_of(BACKENDS["python"], tmp_path / "whole.lakebed")


def states_of(backend: Backend, path: Path) -> dict[int, Any]:
    """What is to be seen after each commit of the workload."""
    states: dict[int, Any] = {}
    with opened(backend, path) as store, opened(backend, path, "r") as reader:
        states[0] = seen(reader)

        class Noting(list[int]):
            def append(self, number: int) -> None:
                reader.refresh()
                states[number] = seen(reader)

        work(store, Noting())
    return states


@pytest.mark.parametrize("engine", BACKENDS)
def test_what_a_killed_writer_left_is_recovered(tmp_path, monkeypatch, history, engine):
    killer = Killer(monkeypatch)
    at = 0
    while True:
        path = tmp_path / f"killed-{at}.lakebed"
        opened(BACKENDS["python"], path).close()
        acknowledged = [0]
        store = opened(BACKENDS["python"], path)
        killer.left = at
        try:
            work(store, acknowledged)
            done = True
        except Killed:
            done = False
        del store
        killer.left = None
        copy = path.with_name("copy.lakebed")
        shutil.copytree(path, copy)
        report = repaired(engine, copy)
        assert (report["losses"], report["problems"]) == ((), ()), at
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            with opened(BACKENDS[engine], path, "r") as reader:
                number, rows = seen(reader)
            with opened(BACKENDS[engine], path) as store:
                again = store.put(b"after the kill")
                store.commit()
                assert store.verify().ok, at
                store.compact()
                assert store.verify().ok, at
                assert store.get(again) == b"after the kill"
                after = seen(store)
            parts = {file.name.partition("-")[0] for file in path.glob("segments/*.parquet")}
            assert parts <= {file.stem for file in path.glob("segments/*.seg")}, at
        assert number >= acknowledged[-1], at
        assert (number, rows) == history[number], at
        assert after == (number + 1, rows), at
        with opened(BACKENDS[engine], copy) as store:
            assert seen(store) == (number, rows), at
        shutil.rmtree(copy)
        shutil.rmtree(path)
        if done:
            break
        at += 1
    assert at > 50

"""A flipped bit in the active segment: both engines give the same answer, or the same kind of error."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import lakebed
from tests.pure.repairs import BACKENDS
from tests.pure.twins import opened, outcome

EVERY = int(os.environ.get("LAKEBED_TEST_BITS_EVERY", "331"))
"""Of how many bits one is flipped."""

NAME = "segments/000000000002.seg"


@pytest.fixture(params=["whole", "trimmed"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[lakebed.Hash]]:
    """A sealed segment and an active one of four commits, and the hashes of blobs."""
    path = tmp_path / "whole.lakebed"
    with opened(BACKENDS["rust"], path) as store:
        hashes = [store.put(b"sealed " * 20)]
        store.append("events", [{"n": 0}])
        store.seal()
        for part in range(1, 4):
            hashes.append(store.put(b"put %d" % part))
            store.append("events", [{"n": part}, {"n": part, "more": "x" * 30}])
            if part == 2:
                store.append("other", [{"a": [part]}])
            store.commit()
        if request.param == "trimmed":
            store.trim("events", before_seq=1)
    return path, hashes


def answers(path: Path, engine: str, hashes: list[lakebed.Hash]) -> dict[str, Any]:
    """What an engine says of a store: answers, or kinds of errors."""
    backend = BACKENDS[engine]
    found: dict[str, Any] = {}

    def told(name: str, call: Callable[[], Any]) -> None:
        found[name] = outcome(call)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        store = outcome(lambda: opened(backend, path, "r"))
        if isinstance(store, str):
            return {"open": store}
        with store:
            told("commit", lambda: store.snapshot.commit)
            told("collections", lambda: [one.model_dump() for one in store.collections()])
            for name in ("events", "other"):
                told(f"rows of {name}", partial(rows, store, name))
                told(f"schema of {name}", partial(store.schema, name))
            for at, hash in enumerate(hashes):
                told(f"get {at}", partial(store.get, hash))
                told(f"resolve {at}", partial(store.resolve, str(hash)[:12]))
            told("no blob", lambda: store.get(lakebed.Hash.of(b"nothing")))
            told("len", lambda: len(store))
            told("commits", lambda: [(one.number, one.blobs, one.rows) for one in store.commits()])
            told("segments", lambda: [one.model_dump() for one in store.segments()])
            told("kinds of problems", lambda: sorted({one.kind for one in store.verify().problems}))
        told("write", lambda: written(backend, path))
    return found


def rows(store: lakebed.Store, name: str) -> list[tuple[int, bytes]]:
    """The rows of a collection."""
    return [(row.seq, row.data) for row in store.scan(name)]


def written(backend: Any, path: Path) -> int:
    """Append a row, and say what commit that was."""
    with opened(backend, path) as store:
        store.append("events", [{"last": True}])
        return int(store.commit())


def test_a_flipped_bit_has_one_answer(whole, tmp_path):
    path, hashes = whole
    data = (path / NAME).read_bytes()
    differ = []
    for at in range(0, len(data) * 8, EVERY):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        said = {}
        for engine in BACKENDS:
            copy = tmp_path / f"{engine}.lakebed"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(path, copy)
            (copy / NAME).write_bytes(flipped)
            said[engine] = answers(copy, engine, hashes)
        for question in said["rust"].keys() | said["python"].keys():
            rust, python = said["rust"].get(question), said["python"].get(question)
            if rust != python:
                differ.append((at, question, rust, python))
    assert differ == []

"""The problems that `verify` lists of damaged stores: of both engines the same; and what a damaged footer hides:
nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lakebed
from lakebed.pure.format.block import Block
from lakebed.pure.format.footer import Trailer
from lakebed.pure.format.header import Header
from tests.pure.repairs import BACKENDS, files, written
from tests.pure.twins import described, opened

STEP = int(os.environ.get("LAKEBED_TEST_PROBLEMS_STEP", "499"))
"""Every how many bytes a bit is flipped."""

OWN_WORDS = ("group", "link", "manifest", "ordinals", "rows", "row_blob", "index_run", "lost_commits")
"""Kinds whose sentences say no more than what both engines compared; those of others may contain what a decoder
refused, which each engine tells in words of its own."""


@pytest.fixture(params=["rows", "compacted", "columns"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The store that repairs are compared on."""
    return written(tmp_path / "whole.lakebed", request.param)


def listed(engine: str, path: Path, **how: Any) -> Any:
    """The problems, or the kind of the error of opening the store."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            with opened(BACKENDS[engine], path, "r") as store:
                return store.verify(**how).problems
        except lakebed.LakebedError as problem:
            return problem.kind


def told(problems: Any) -> Any:
    """What both engines say alike: where something is wrong, and in sentences of their own what."""
    if isinstance(problems, str):
        return problems
    places = {(one.kind, one.segment or 0, one.offset or 0) for one in problems}
    texts = {(one.segment or 0, one.message) for one in problems if one.kind in OWN_WORDS}
    return sorted(places), sorted(texts)


def damages(path: Path, step: int, first: int = 7) -> Iterator[tuple[str, int]]:
    """A bit of each `step`-th byte of each file, one after the other. Afterwards the files are as they were."""
    for name, data in files(path).items():
        if name in ("reserve", "LOCK"):
            continue
        for at in range(first, len(data), step):
            changed = bytearray(data)
            changed[at] ^= 1 << (at // step % 8)
            (path / name).write_bytes(changed)
            yield name, at
        (path / name).write_bytes(data)


def test_both_engines_list_the_same_problems(whole):
    found = 0
    for what in damages(whole, STEP):
        rust, python = (listed(engine, whole) for engine in ("rust", "python"))
        assert told(rust) == told(python), what
        found += bool(rust)
    assert found > 20


def test_a_damaged_footer_hides_nothing(whole):
    """Neither what is in its segment nor what others need of it, such as dictionaries."""
    with opened(BACKENDS["rust"], whole, "r") as store:
        expected = described(store)
        sealed = [one for one in store.segments() if one.state == "sealed"]
        hashes = [lakebed.Hash.of(row.data) for name in ("events", "other") for row in store.scan(name)]
    assert sealed
    assert len(hashes) > 300
    for one in sealed:
        file = whole / "segments" / f"{one.number:012}.seg"
        data = file.read_bytes()
        trailer = Trailer.decode(data[-64:], len(data) - 64, Header.decode(data[:64]))
        places = [*range(trailer.block, trailer.block + trailer.length, 149), *range(len(data) - 64, len(data), 9)]
        sections = Block.decode(
            data[trailer.block :][: trailer.length], Header.decode(data[:64]).salt, trailer.block
        ).sections
        for at in places:
            if any(
                gap <= at < gap + (-gap) % 8 for one in sections.values() for gap in (one.end, one.offset + one.length)
            ):
                # Padding, which nobody reads.
                continue
            changed = bytearray(data)
            changed[at] ^= 1 << (at % 8)
            file.write_bytes(changed)
            for backend in BACKENDS.values():
                with opened(backend, whole, "r") as store:
                    assert described(store) == expected, (backend.name, one.number, at)
                    assert all(hash in store for hash in hashes)
                    problems = store.verify().problems
                assert [(it.kind, it.segment, it.offset, it.message) for it in problems] == [
                    (
                        "footer",
                        one.number,
                        trailer.block,
                        "the footer is damaged; what it says was read from the groups",
                    )
                ], (backend.name, one.number, at)
        file.write_bytes(data)

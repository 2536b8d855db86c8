"""Columns that the engine in Rust wrote, read by the one in Python from the format's page."""

from __future__ import annotations

import json
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lakebed
from lakebed import _backend
from tests.pure.json_texts import lines
from tests.pure.twins import described, opened, outcome

if len(_backend.installed()) < 2:
    pytest.skip("both engines are needed", allow_module_level=True)

RUST, PYTHON = _backend.installed()
DOUBLES = [1.5, -0.0, 1e22, 1e-7, 3.25e-9, 1e16, 123456.789, 5e-324, 0.1]
TEXTS = ["", "a", "é/<&>'+`", 'q"\\\n\t\x7f\u2028😀', "z" * 300]


def record(chance: random.Random, number: int, spell: int) -> bytes:
    """A record of a few kinds of fields, written in one of several ways."""
    found: dict[str, Any] = {
        "id": number,
        "double": chance.choice(DOUBLES),
        "text": chance.choice(TEXTS),
        "tags": [chance.choice("abc") for _ in range(chance.randrange(4))],
        "at": f"2024-02-29T12:00:{number % 60:02}{'Z' if number % 20 else '+01:00'}",
        "plain": f"2024-01-01 00:00:00.{number % 1000:03}",
        "day": f"2024-01-{number % 28 + 1:02}",
        "object": {"kind": number % 3, "list": [{"m": place} for place in range(number % 4)]},
        "deep": [[place] * (place + 1) for place in range(number % 3)],
        "huge": 2**70 + number,
        "unsigned": 2**63 + number,
        "mixed": chance.choice([1, "x", [1], {"a": 2}, None]),
        "flag": number % 2 == 0,
    }
    if number % 7 == 0:
        del found["double"]
    if number % 100 == 0:
        found[f"rare{number}"] = number
    separators = (" ,\t", " :") if spell == 2 else (", ", ": ") if number % 2 == 0 else (",", ":")
    return json.dumps(found, separators=separators, ensure_ascii=spell == 0).encode()


def filled(path: Path, spell: int = 0, count: int = 700) -> dict[str, Any]:
    """A store with columns, rows beside them, and rows behind them; what the engine in Rust says of it."""
    chance = random.Random(spell)
    with opened(RUST, path, segment_bytes=64 << 10) as store:
        store.append("t", [record(chance, number, spell) for number in range(count)])
        store.append("few", [b"1", b"null", b"1"])
        store.append("u", [b'{"n":%d}' % number for number in range(100)])
        store.commit()
        assert [one.partition(" ")[0] for one in store.compact(layout="columns").stays_rows] == ["few"]
        store.append("t", [record(chance, 0, spell), b'{"id":7}'])
        store.commit()
        assert "columns" in [one.layout for one in store.segments()]
        return described(store)


@pytest.mark.parametrize("spell", range(3))
def test_records_of_columns_are_the_same_bytes(spell: int, tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    expected = filled(path, spell)
    with opened(PYTHON, path, "r") as python, opened(RUST, path, "r") as rust:
        assert described(python) == expected
        hashes = [row.hash for row in rust.scan("t")]
        assert python.get_many(hashes) == rust.get_many(hashes)
        assert [one.model_dump() for one in python.segments()] == [one.model_dump() for one in rust.segments()]
        counts = [store.verify().model_dump(exclude={"seconds"}) for store in (python, rust)]
        assert counts[0] == counts[1]
        assert python.stats().segment_bytes == rust.stats().segment_bytes


def test_the_engine_in_python_goes_on_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    filled(path)
    with opened(PYTHON, path) as store:
        store.append("t", [b'{"id":8}'])
        gone = [row.hash for row in store.scan("u")][3]
        store.commit()
        kept = described(store)
        with pytest.raises(lakebed.InvalidArgument, match="columns need lakebed's engine in Rust"):
            store.compact(layout="columns")
        store.compact()
        assert described(store) == kept
        assert "columns" in [one.layout for one in store.segments()]
        backup = store.backup(tmp_path / "backups")
        again = store.backup(tmp_path / "backups")
        assert again.linked_segments > 0
    lakebed.restore(backup.path, tmp_path / "restored.lakebed")
    for engine in (RUST, PYTHON):
        with opened(engine, tmp_path / "restored.lakebed", "r") as restored:
            assert described(restored) == kept
            assert restored.verify().ok
    with opened(PYTHON, path) as store:
        store.delete(gone)
        store.commit()
        # What is deleted goes: these columns become rows.
        assert store.compact().removed_blobs == 1
        store.compact(layout="rows")
        assert {one.layout for one in store.segments()} == {"rows"}
        kept = described(store)
    with opened(RUST, path) as store:
        assert described(store) == kept
        assert store.verify().ok
    assert not list(path.glob("segments/*.parquet"))


@given(st.lists(lines(), min_size=5, max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_comes_back_from_columns(texts: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "store.lakebed")
        # A collection has columns from 64 records on.
        texts = [b'{"n":%d,"v":%s}' % (number, text) for number in range(12) for text in texts]
        with opened(RUST, path) as store:
            store.append("t", texts)
            store.commit()
            store.compact(layout="columns")
            hashes = [row.hash for row in store.scan("t")]
        with opened(PYTHON, path, "r") as store:
            assert store.get_many(hashes) == texts
            assert store.verify().ok


@pytest.mark.parametrize("seed", range(6))
def test_damage_of_a_part_hides_the_same_records(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    filled(path)
    with opened(RUST, path, "r") as store:
        hashes = [row.hash for name in ("t", "u") for row in store.scan(name)]
    file = max(path.glob("segments/*-1.parquet"), key=lambda one: one.stat().st_size)
    data = bytearray(file.read_bytes())
    chance = random.Random(seed)
    for _ in range(1 + seed % 2):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    found = []
    for engine in (RUST, PYTHON):
        with opened(engine, path, "r") as store:
            blobs = [outcome(partial(store.get, hash)) for hash in hashes]
            report = store.verify()
            found.append((blobs, report.blobs, [one.segment for one in report.problems]))
    assert found[0] == found[1]

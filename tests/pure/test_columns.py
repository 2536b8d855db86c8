"""Columns that one engine wrote, read by the other: the one in Python is written from the format's page."""

from __future__ import annotations

import json
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

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


def filled(path: Path, spell: int = 0, count: int = 700, engine: _backend.Backend = RUST) -> dict[str, Any]:
    """A store with columns, rows beside them, and rows behind them; what the engine that wrote it says of it."""
    chance = random.Random(spell)
    with opened(engine, path, segment_bytes=64 << 10) as store:
        store.append("t", [record(chance, number, spell) for number in range(count)])
        store.append("few", [b"1", b"null", b"1"])
        store.append("u", [b'{"n":%d}' % number for number in range(100)])
        store.commit()
        assert [one.partition(" ")[0] for one in store.compact(layout="columns").stays_rows] == ["few"]
        store.append("t", [record(chance, 0, spell), b'{"id":7}'])
        store.commit()
        assert "columns" in [one.layout for one in store.segments()]
        return described(store)


def parts(path: Path) -> list[dict[str, list[Any]]]:
    """The columns of all parts, but for times."""
    tables = [parquet.read_table(file) for file in sorted(path.glob("segments/*.parquet"))]
    return [table.drop_columns(["_ingested_at"]).to_pydict() for table in tables]


@pytest.mark.parametrize("engine", _backend.installed(), ids=lambda engine: engine.name)
@pytest.mark.parametrize("spell", range(3))
def test_records_of_columns_are_the_same_bytes(spell: int, engine: _backend.Backend, tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    expected = filled(path, spell, engine=engine)
    with opened(PYTHON, path, "r") as python, opened(RUST, path, "r") as rust:
        assert described(python) == described(rust) == expected
        hashes = [row.hash for row in rust.scan("t")]
        assert python.get_many(hashes) == rust.get_many(hashes)
        assert [one.model_dump() for one in python.segments()] == [one.model_dump() for one in rust.segments()]
        counts = [store.verify().model_dump(exclude={"seconds"}) for store in (python, rust)]
        assert counts[0] == counts[1]
        assert counts[0]["problems"] == ()
        assert python.stats().segment_bytes == rust.stats().segment_bytes
        for name in ("t", "u", "few"):
            assert python.files(name) == rust.files(name)
            tables = [pyarrow.table(store.arrow(name, ["_seq", "_json"])).to_pydict() for store in (python, rust)]
            assert tables[0] == tables[1]


@pytest.mark.parametrize("spell", range(3))
def test_both_engines_write_the_same_columns_shapes_and_fixes(spell: int, tmp_path: Path) -> None:
    found = []
    for engine in (RUST, PYTHON):
        path = tmp_path / f"{engine.name}.lakebed"
        filled(path, spell, engine=engine)
        found.append((parts(path), held(path, "t")))
    assert_same_parts(found)


def held(path: Path, name: str) -> list[Any]:
    """Where the files of a collection have its columns, as the engine in Rust reads them."""
    with opened(RUST, path, "r") as store:
        return [one["columns"] for one in store._snapshot_engine().files(name)]


def assert_same_parts(found: list[tuple[list[dict[str, list[Any]]], list[Any]]]) -> None:
    assert found[0][1] == found[1][1]
    for rust, python in zip(found[0][0], found[1][0], strict=True):
        assert rust.keys() == python.keys()
        for name, values in rust.items():
            assert values == python[name], name


ODD_VALUES: dict[str, Any] = {
    "digits": lambda number: "9" * 5000,
    "depth": lambda number: "[" * 900 + "]" * 900,
    "surrogates": lambda number: '"\\ud800 \\ud83d\\ude00 \\u0000"',
    "long": lambda number: f'"{"z" * 200_000}"',
    "times": lambda number: f'"{1 + number * 30:04}-02-03T04:05:06.{"123456789"[: 1 + number % 9]}Z"',
    "integers": lambda number: [-(2**63), 2**63 + number, 2**70 * -number, 7][number % 4],
}
"""Values that are rare or at a limit."""


def odd_records(kind: str) -> list[bytes]:
    """Records of which something is not plain, with so much that is that they become columns."""
    chance = random.Random(kind)
    pad = f'"pad":"{"x" * 2500}"'
    found = []
    for number in range(300):
        blank = chance.choice(["", " "])
        if kind == "maps":
            keys = ", ".join(f'"k{number}\\u00e9{place}":{blank}{place}' for place in range(number % 5))
            again = f',{blank}"m":{{"k": 1}}' if number % 50 == 0 else ""
            found.append(f'{{"m": {{{keys}}},"l":[{{"x":{blank}{number}}},{{"y":null }}]{again}}}')
        elif kind == "keys":
            others = f",{blank}".join(f'"key{chance.randrange(4000)}" :{number}' for _ in range(number % 3))
            found.append(f'{{"id":{number}{", " if others else ""}{others}{blank},{pad}}}')
        elif kind == "declared":
            value = chance.choice(["1", '"2"', '" 3 "', "4.0", '"n/a"', "true", "[1]", "null", '"x"', "1e2"])
            inside = chance.choice(['{"a": 1}', '{"a":"7"}', '{"a":[]}', "5", "[1, 2]", '"n/a"'])
            found.append(
                f'{{"n":{value},"o":{inside},"l":[{value}, {blank}{value}],"t":"2024-01-{number % 28 + 1:02}",{pad}}}'
            )
        elif kind == "no objects":
            found.append(chance.choice(["1", "null", '"text"', "[1, 2]", f'{{"n":{number}}}', f" {number} "]))
        else:
            rare = ODD_VALUES[kind](number) if number % 50 == 7 or kind in ("times", "integers") else f"{number}"
            found.append(f'{{"v":{rare},"n":{number},"n":null,"l":[],"e":{{}},{pad}}}')
    return [record.encode() for record in found]


@pytest.mark.parametrize("kind", ["maps", "keys", "declared", "no objects", *ODD_VALUES])
def test_both_engines_write_the_same_of_odd_records(kind: str, tmp_path: Path) -> None:
    found = []
    records = odd_records(kind)
    for writer, reader in ((RUST, PYTHON), (PYTHON, RUST)):
        path = tmp_path / f"{writer.name}.lakebed"
        with opened(writer, path, segment_bytes=1 << 20) as store:
            store.append("t", records)
            if kind == "keys":
                store.append("t", [{f"key{number}": number for number in range(4000)}])
            if kind == "declared":
                store.declare(
                    "t",
                    {"n": "BIGINT", "o": "STRUCT(a BIGINT)", "l": "DOUBLE[]", "t": "TIMESTAMP"},
                    nulls=["n/a"],
                )
            store.commit()
            why = [sentence.partition(":")[2] for sentence in store.compact("t", layout="columns").stays_rows]
            expected = described(store)
        assert not why
        found.append((parts(path), held(path, "t")))
        with opened(reader, path, "r") as store:
            assert described(store) == expected
            assert store.verify().ok
    assert_same_parts(found)


def test_others_read_what_the_engine_in_python_writes(tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    filled(path, engine=PYTHON)
    with opened(PYTHON, path, "r") as store:
        expected = {row.seq: row.json() for row in store.scan("t", 0, 700)}
        files = store.files("t")
    found = duckdb.read_parquet(files.paths).order("_seq")
    columns = found.columns
    for line in found.fetchall():
        row = dict(zip(columns, line, strict=True))
        record = expected.pop(row["_seq"])
        for name in ("id", "double", "text", "tags", "object", "deep", "unsigned", "flag"):
            assert row[name] == record.get(name), name
        assert row["huge"] == record["huge"]
        assert row["day"].isoformat() == record["day"]
        assert row["mixed"] is None if record["mixed"] is None else json.loads(row["mixed"]) == record["mixed"]
    assert not expected
    # Statistics leave out the row groups that have no such row, and keep those that have one.
    for condition, rows in [
        ("id = 650", 1), ("id > 10000", 0), ("day < DATE '2024-01-02'", 25), ("unsigned > 9223372036854776500", 7),
        ("double < -1", 0), ("text = repeat('z', 300)", None),
    ]:  # fmt: skip
        count = duckdb.read_parquet(files.paths).filter(condition).aggregate("count(*)").fetchall()[0][0]
        assert count == rows if rows is not None else count > 0, condition


def test_the_engine_in_python_goes_on_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    filled(path)
    with opened(PYTHON, path) as store:
        store.append("t", [b'{"id":8}'])
        gone = [row.hash for row in store.scan("u")][3]
        store.commit()
        kept = described(store)
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
        assert store.compact().removed_blobs == 1
        assert "columns" in [one.layout for one in store.segments()]
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
    # A collection has columns from 64 records on.
    texts = [b'{"n":%d,"v":%s}' % (number, text) for number in range(12) for text in texts]
    with tempfile.TemporaryDirectory() as directory:
        found = []
        for writer, reader in ((RUST, PYTHON), (PYTHON, RUST)):
            path = Path(directory, f"{writer.name}.lakebed")
            with opened(writer, path) as store:
                store.append("t", texts)
                store.commit()
                report = store.compact(layout="columns")
                hashes = [row.hash for row in store.scan("t")]
            found.append((report.stays_rows, parts(path)))
            with opened(reader, path, "r") as store:
                assert store.get_many(hashes) == texts
                assert store.verify().ok
        assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(12))
def test_damage_of_a_part_hides_the_same_records(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "store.lakebed"
    filled(path, engine=_backend.installed()[seed % 2])
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

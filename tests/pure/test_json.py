"""JSON in Rust and in Python: the same verdicts and sentences, the same bytes of summaries, columns, types and
values."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lakebed
from lakebed import _backend
from lakebed.pure.json import Observer, merged_descriptions
from tests.pure.json_texts import damaged, lines

if len(_backend.installed()) < 2:
    pytest.skip("both engines are needed", allow_module_level=True)

RUST, PYTHON = _backend.installed()
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@contextlib.contextmanager
def opened(path: Path, backend: _backend.Backend, mode: Any = "a") -> Iterator[lakebed.Store]:
    before = _backend._current
    _backend._current = backend
    try:
        with lakebed.open(path, mode) as store:
            yield store
    finally:
        _backend._current = before


def answer(call: Any) -> Any:
    """What a call returns, or its error."""
    try:
        return call()
    except lakebed.LakebedError as error:
        return type(error).__name__, str(error)


def descriptions(path: Path) -> bytes:
    """What the store keeps of the values of its collection, as the engine in Python reads it."""
    with opened(path, PYTHON, "r") as store:
        return merged_descriptions(cast("Any", store)._engine._view().collection("t").descriptions)


@given(st.lists(damaged(), min_size=1, max_size=20))
@RELAXED
def test_lines_are_refused_with_the_same_sentence(texts: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        stores = [Path(directory, backend.name) for backend in (RUST, PYTHON)]
        found = []
        for path, backend in zip(stores, (RUST, PYTHON), strict=True):
            with opened(path, backend) as store:
                found.append([answer(lambda text=text: store.append("t", [text])) for text in texts])
        assert found[0] == found[1]


@given(st.lists(st.lists(lines(), min_size=1, max_size=8), min_size=1, max_size=4))
@RELAXED
def test_summaries_columns_and_values_are_the_same(batches: list[list[bytes]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = []
        for backend in (RUST, PYTHON):
            path = Path(directory, backend.name)
            with opened(path, backend) as store:
                for batch in batches:
                    store.append("t", batch)
                    store.commit()
            kept = descriptions(path)
            # Either engine reads what this one wrote.
            for reader in (RUST, PYTHON):
                with opened(path, reader, "r") as store:
                    schema = store.schema("t").model_dump()
                    table = pyarrow.table(store.arrow("t"))
                    table.validate(full=True)
                    rows = table.drop_columns(["_ingested_at"]).to_pylist()
                    found.append((kept, schema, str(table.schema), repr(rows)))
        assert found[0] == found[1] == found[2] == found[3]


TYPES = st.sampled_from(
    [
        *("BOOLEAN BIGINT UBIGINT HUGEINT DOUBLE VARCHAR DATE TIMESTAMP TIMESTAMPTZ JSON BIGINT[] JSON[]".split()),
        "MAP(VARCHAR, DOUBLE)",
        "STRUCT(a BIGINT, b VARCHAR)",
        "STRUCT(a JSON)[]",
        "NOPE",
    ]
)


@given(st.lists(lines(), min_size=1, max_size=10), TYPES, st.sampled_from(["a", "b", "A", "nosuch", "_seq"]))
@RELAXED
def test_declared_types_hold_the_same_values(texts: list[bytes], kind: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = []
        for backend in (RUST, PYTHON):
            with opened(Path(directory, backend.name), backend) as store:
                store.append("t", texts)
                declared = answer(lambda: store.declare("t", {name: kind}, nulls=["-", "1.0"]).model_dump())
                rows = pyarrow.table(store.arrow("t")).drop_columns(["_ingested_at"]).to_pylist()
                inferred = store.infer("t").model_dump()
                found.append((declared, repr(rows), inferred))
        assert found[0] == found[1]


def wide(keys: range) -> bytes:
    return json.dumps({f"k{number}": number for number in keys}).encode()


@pytest.mark.parametrize(
    "texts",
    [
        [b"[" * 1024 + b"]" * 1024, b"[" * 1000 + b"1" + b"]" * 1000],
        [b"9" * 5000, b"-" + b"9" * 4301, b'{"a":' + b"1" * 4400 + b".5}"],
        [b'{"a":' * 20 + b'{"x":1}' + b"}" * 20],
        [
            json.dumps({"o": {f"k{number}": [number] for number in range(5000)}}).encode(),
            b'{"o":{"k5":"x","q":1},"a":[]}',
        ],
        [wide(range(40_000)), b'{"k5":"x","q":1}'],
        [json.dumps({"m": {f"k{number * 3 + one}": one for one in range(3)}}).encode() for number in range(200)],
        [b'{"a":1,"a":{"b":2},"a":[{"c":3}]}'],
    ],
)
def test_summaries_of_extremes_are_the_same(texts: list[bytes], tmp_path: Path) -> None:
    with opened(tmp_path / "store", RUST) as store:
        store.append("t", texts)
    observer = Observer(())
    for text in texts:
        observer.observe(text)
    assert observer.description() == descriptions(tmp_path / "store")


def test_files_are_ingested_with_the_same_reports(tmp_path: Path) -> None:
    files = {
        "plain.ndjson": b'\xef\xbb\xbf{"a":1}\r\n\n{"a":2}\n{"a":\nnope\n"\xff"\n{"a":3}',
        "half.ndjson": b'{"a":1}\n{"a":',
        "words.ndjson": b'{"a":NaN}\n{"a":-Infinity,"b":"NaN"}\n',
        "array.json": b'[\n {"a":1},\n {"a":NaN},{"b":[1,\n2]}\n]\n',
        "values.json": b'{\n "a":1\n}\n{\n "a":2\n}\n',
        "cut.json": b'[\n{"a":1},\n{"b"',
        "tail.json": b'[{"a":1},]',
        "empty.ndjson": b"",
        "zip": b"PK\x03\x04xxxx",
    }
    options: list[dict[str, Any]] = [
        {},
        {"on_error": "skip", "nan": "null"},
        {"on_error": "quarantine", "again": True, "nan": "string"},
        {"dry_run": True, "on_error": "skip"},
        {"resume": True},
    ]
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    left_out = {"seconds", "bytes_stored", "ratio", "mb_per_second"}
    found = []
    for backend in (RUST, PYTHON):
        with opened(tmp_path / f"{backend.name}.lakebed", backend) as store:
            answers: list[Any] = [
                answer(
                    lambda name=name, more=more: store.ingest(tmp_path / name, f"c {name}", **more).model_dump(
                        exclude=left_out
                    )
                )
                for name in files
                for more in options
            ]
            for info in store.collections():
                answers += [(info.name, row.seq, row.data, row.file, row.line) for row in store.scan(info.name)]
            found.append(answers)
    assert found[0] == found[1]


def test_the_first_dictionary_is_the_same(tmp_path: Path) -> None:
    words = [hashlib.sha256(str(number).encode()).hexdigest()[:20] for number in range(400)]
    records = (
        {"id": number, "from": words[number * 7919 % 400], "via": words[number * 104729 % 397]}
        for number in range(8000)
    )
    text = "\n".join(map(json.dumps, records))
    (tmp_path / "names.ndjson").write_text(text)
    found = []
    for backend in (RUST, PYTHON):
        with opened(tmp_path / f"{backend.name}.lakebed", backend) as store:
            trained = store.ingest(tmp_path / "names.ndjson").trained
            assert trained is not None
            found.append((trained.hash.__bytes__(), trained.sample_bytes, trained.held_out_before))
    assert found[0] == found[1]

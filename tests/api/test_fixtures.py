"""Stores that older versions wrote, kept under tests/fixtures, read and written by this one."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import lakebed
from tests.fixture import LARGE, answers, lines, thing

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("store-*"))


# The first writer of a store whose last writer was stopped says so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:An earlier writer of .* stopped in the middle of a commit:RuntimeWarning"
)


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def fixture(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of a fixture's store, and what it must answer."""
    path = tmp_path / "store.lakebed"
    shutil.copytree(request.param / "store.lakebed", path)
    return path, held(json.loads((request.param / "answers.json").read_text()))


def held(expected: dict[str, Any]) -> dict[str, Any]:
    """The answers without blobs that nothing holds: lakebed 0.1 of format 1.0 and 1.1 listed those, too."""
    named = {blob for rows in expected["rows"].values() for _, blob, *_ in rows}
    expected["blobs"] = [blob for blob in expected["blobs"] if blob[2] != "record" or blob[0] in named]
    expected["stats"]["blobs"] = sum(blob[2] != "dictionary" for blob in expected["blobs"])
    return expected


def files(path: Path) -> dict[str, str]:
    """The SHA-256 of each file in a directory, except for the lock's."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "LOCK"
    }


def of_shape(found: Any, expected: Any) -> Any:
    """`found` without the keys that `expected` lacks: a later version may say more about a store."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {key: of_shape(value, expected[key]) for key, value in found.items() if key in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [of_shape(value, wanted) for value, wanted in zip(found, expected, strict=True)]
    return found


def names_and_types(schemas: dict[str, Any]) -> dict[str, Any]:
    """The columns of schemas without counts: those of version 0.1 were of all rows, and later ones are of those that
    were not deleted."""
    return {
        collection: [(column["name"], column["type"]) for column in schema["columns"]]
        for collection, schema in schemas.items()
    }


def test_there_is_a_fixture_of_each_released_version():
    assert [path.name for path in FIXTURES] == ["store-1.0", "store-1.3", "store-1.4", "store-1.5"]


def test_reading_answers_what_was_written_and_changes_no_byte(fixture):
    path, expected = fixture
    before = files(path)
    found = answers(path)
    for part, wanted in expected.items():
        if part == "schemas":
            assert names_and_types(found[part]) == names_and_types(wanted)
        else:
            assert of_shape(found[part], wanted) == wanted, part
    assert files(path) == before


def test_opening_to_append_changes_no_byte_until_something_is_appended(fixture):
    path, expected = fixture
    before = files(path)
    with lakebed.open(path) as store:
        assert store.stats().rows == expected["stats"]["rows"]
    assert files(path) == before


def test_it_verifies_clean(fixture):
    path, _ = fixture
    with lakebed.open(path, mode="r") as store:
        report = store.verify()
        assert report.problems == ()
        assert report.rows > 0


def test_the_beginning_of_a_commit_is_kept_aside_and_said(fixture):
    path, _ = fixture
    torn = "wide" in collections(path)
    with lakebed.open(path) as store:
        store.append("later", [b"{}"])
        store.commit()
        assert store.verify().ok
    assert [file.suffix for file in path.glob("aside/*")] == [".bin"] * torn


def collections(path: Path) -> set[str]:
    """The names of the collections of the store at `path`."""
    with lakebed.open(path, mode="r") as store:
        return {collection.name for collection in store.collections()}


def test_deleted_blobs_are_not_found(fixture):
    path, _ = fixture
    with lakebed.open(path, mode="r") as store:
        for gone in (thing(17), thing(130), b"blob 7", b'{"n":31}', b'{"commit":25}'):
            assert lakebed.Hash.of(gone) not in store
        for there in (thing(5), b"blob 8", b'{"n":30}', b'{"n":7}'):
            assert store.get(lakebed.Hash.of(there)) == there
        assert store.get(lakebed.Hash.of(bytes(LARGE - 1) + b"\x01"))[-2:] == b"\x00\x01"


def test_appending_sealing_and_reading_again(fixture):
    path, expected = fixture
    before = expected["rows"]
    last = expected["commits"][-1]["number"]
    with lakebed.open(path) as store:
        # One record that the store has, in a sealed segment, and one that it has not.
        report = store.append("things", [thing(850), thing(7), b'{"id": 1}'])
        assert (report.rows, report.duplicates) == (3, 2)
        store.commit()
        store.seal()
        store.append("later", [b"{}"])
        store.commit()
        store.append("things", [thing(99_999)])
        assert store.stats().pending_rows == 1
        assert check(store, before)
    for mode in ("r", "a"):
        with lakebed.open(path, mode=mode) as store:
            assert check(store, before)
            assert [bytes(row.data) for row in store.scan("things", start=next_seq(expected, "things"))] == [
                thing(850),
                thing(7),
                b'{"id": 1}',
                thing(99_999),
            ]
            assert [row.data for row in store.scan("later")] == [b"{}"]
            assert store.verify().problems == ()
    # As of each commit of the old version nothing has changed; later ones see the new rows.
    found = answers(path)
    for name, commits in expected["as_of"].items():
        assert {commit: found["as_of"][name][commit] for commit in commits} == commits
    counts = [found["as_of"]["things"][str(last + step)][0] for step in range(4)]
    assert [count - counts[0] for count in counts] == [0, 3, 3, 4]


def test_a_file_that_was_ingested_is_known_and_its_lines_are_found(fixture, tmp_path, monkeypatch):
    path, _ = fixture
    monkeypatch.chdir(tmp_path)
    Path("things.ndjson").write_bytes(lines(0, 120))
    with lakebed.open(path) as store:
        assert store.ingest("things.ndjson").skipped
        again = store.ingest("things.ndjson", again=True)
        # thing(17) was deleted, and is new.
        assert (again.rows, again.new_blobs) == (121, 1)


def next_seq(expected: dict[str, Any], name: str) -> int:
    """The sequence number after a collection's last row."""
    return int(next(item["next_seq"] for item in expected["collections"] if item["name"] == name))


def check(store: lakebed.Store, before: dict[str, Any]) -> bool:
    """Whether the rows that the fixture has are those that it had."""
    for name, rows in before.items():
        stop = rows[-1][0] + 1 if rows else 0
        found = [
            [row.seq, row.blob, str(row.hash), row.file, row.line, row.ingested_at.isoformat()]
            for row in store.scan(name, stop=stop)
        ]
        assert found == rows, name
    return True


@pytest.mark.parametrize("level", [None, 3])
def test_compacting_it_changes_no_answer(fixture, level):
    path, _ = fixture
    expected = answers(path)
    with lakebed.open(path) as store:
        before = store.segments()
        report = store.compact(level=level)
        assert report.removed_blobs > 0
        assert report.segments_after < report.segments_before
        # Files of the old ones stay while DuckDB's extension keeps the store open.
        assert sum(one.file_bytes for one in store.segments()) < sum(one.file_bytes for one in before)
        assert store.verify().ok
    found = answers(path)
    for part in ("collections", "schemas", "rows", "exports", "values"):
        assert found[part] == expected[part], part
    for name, commits in expected["as_of"].items():
        assert {commit: found["as_of"][name][commit] for commit in commits} == commits
    kept = [blob[:4] for blob in expected["blobs"] if blob[2] != "dictionary"]
    assert [blob[:4] for blob in found["blobs"] if blob[2] != "dictionary"] == kept
    numbers = [(commit["number"], commit["time"], commit["blobs"], commit["rows"]) for commit in expected["commits"]]
    assert [(one["number"], one["time"], one["blobs"], one["rows"]) for one in found["commits"]][
        : len(numbers)
    ] == numbers

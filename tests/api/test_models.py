"""Reports: frozen, shown in notebooks, dumped as JSON, pickled."""

import json
import pickle
import re
from datetime import UTC, datetime, timedelta

import pydantic
import pytest

import lakebed
from lakebed import models


@pytest.fixture
def reports(store, ndjson):
    ingested = store.ingest(ndjson, train=False)
    return {
        "append": store.append("more", [b"1"]),
        "ingest": ingested,
        "several": store.ingest([ndjson, ndjson], into="several"),
        "train": store.train("things", size=4096),
        "export": store.export("things", "/dev/null"),
        "verify": store.verify(),
        "stats": store.stats(),
        "settings": store.settings,
        "schema": store.schema("things"),
        "collections": store.collections(),
        "segments": store.segments(),
        "dictionaries": store.dictionaries(),
        "commits": store.commits(),
    }


def singles(reports):
    for report in reports.values():
        yield from report if isinstance(report, tuple) else [report]


def test_they_are_frozen(reports):
    for report in singles(reports):
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(report, next(iter(type(report).model_fields)), 1)


def test_they_are_dumped_as_json_and_read_back(reports):
    for report in singles(reports):
        dumped = json.loads(report.model_dump_json())
        assert dumped == report.model_dump(mode="json")
        assert type(report)(**dumped) == type(report).model_validate_json(report.model_dump_json()) == report


def test_they_survive_pickle(reports):
    for report in reports.values():
        assert pickle.loads(pickle.dumps(report)) == report
        assert type(pickle.loads(pickle.dumps(report))) is type(report)


def test_they_are_tables_in_a_notebook(reports):
    for report in reports.values():
        html = report._repr_html_()
        assert html.startswith(("<table>", "<em>none"))
        assert html.count("<tr>") == html.count("</tr>")
        assert not re.search(r"<script|\{|object at 0x", html)


def test_a_store_is_a_table_in_a_notebook(store):
    assert "disk_bytes" in store._repr_html_()
    store.close()
    assert "closed" in store._repr_html_()


def test_what_comes_from_data_is_escaped(store):
    store.append("<b>x</b>", [{"<i>": 1}])
    assert "<b>x" not in store.collections()._repr_html_()
    assert "&lt;b&gt;x" in store.collections()._repr_html_()
    assert "<i>" not in store.schema("<b>x</b>")._repr_html_()


def test_an_empty_listing(store):
    assert store.collections() == ()
    assert store.collections()._repr_html_() == "<em>none</em>"


def test_times_are_utc(store):
    store.append("rows", [b"1"])
    (info,) = store.collections()
    assert info.created.tzinfo is UTC
    assert abs(datetime.now(UTC) - info.created) < timedelta(minutes=1)
    fields = {"number": 1, "time": 1_700_000_000_123_456, "segment": 1, "offset": 0, "blobs": 0, "rows": 0}
    exact = models.CommitInfo.model_validate(fields)
    assert exact.time == datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC)


def test_stats_add_up(store, ndjson):
    store.ingest(ndjson)
    store.put(b"pending")
    stats = store.stats()
    assert (stats.collections, stats.rows, stats.blobs) == (1, 1000, 1000)
    assert stats.pending_blobs == 1
    assert stats.disk_bytes == stats.segment_bytes + stats.index_bytes + stats.other_bytes
    assert stats.path.endswith("test.lakebed")
    assert stats.cache_capacity == 64 << 20
    assert stats.ratio > 0


def test_segments_and_dictionaries(store, ndjson):
    store.ingest(ndjson)
    store.seal()
    store.append("rows", [b"1"])
    store.commit()
    assert [segment.state for segment in store.segments()] == ["sealed", "active"]
    report = store.train("things", size=4096)
    if report.installed:
        dictionary = store.dictionaries()[-1]
        assert (dictionary.number, dictionary.hash, dictionary.collection) == (report.number, report.hash, "things")


def test_schemas(store):
    store.append("rows", [{"a": 1, "b": "2024-01-01", "c": [1.5]}, {"a": None, "d": {"e": True}}])
    schema = store.schema("rows")
    assert {column.name: column.type for column in schema.columns if not column.system} == {
        "a": "BIGINT",
        "b": "DATE",
        "c": "DOUBLE[]",
        "d": 'STRUCT("e" BOOLEAN)',
    }
    assert [column.name for column in schema.columns if column.system] == [
        "_seq",
        "_hash",
        "_file",
        "_line",
        "_ingested_at",
        "_json",
    ]
    assert schema["a"].nulls == 1
    assert (schema.collection, schema.rows) == ("rows", 2)
    with pytest.raises(KeyError):
        schema["nosuch"]


def test_a_whole_store_verifies(store, ndjson):
    store.ingest(ndjson)
    report = store.verify()
    assert report.ok
    assert report.problems == ()
    assert (report.rows, report.blobs) == (1000, lakebed.open(store.path, "r").stats().blobs)

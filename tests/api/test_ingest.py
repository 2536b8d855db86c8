"""ingest and export."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, cast

import pytest
import zstandard

import lakebed


def data(store, collection):
    return [row.data for row in store.scan(collection)]


def test_a_file_is_ingested_and_committed(path, ndjson):
    with lakebed.open(path) as store:
        report = store.ingest(ndjson)
        assert report.collection == "things"
        assert (report.lines, report.rows, report.new_blobs, report.duplicates, report.bad_lines) == (
            1000,
            1000,
            999,
            1,
            0,
        )
        assert report.bytes_in == ndjson.stat().st_size
        assert report.bytes_stored > 0
        assert report.ratio > 1
        assert report.mb_per_second > 0
        assert not report.skipped
        store.rollback()
        assert data(store, "things") == ndjson.read_bytes().splitlines()
    with lakebed.open(path, "r") as store:
        first, *_, last = store.scan("things")
        assert (first.line, last.line) == (1, 1000)
        assert str(first.file).endswith("things.ndjson")


def test_pending_work_is_committed_first(path, ndjson):
    with lakebed.open(path) as store:
        hash = store.put(b"pending")
        store.ingest(ndjson)
        store.rollback()
        assert hash in store


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compression_is_seen_by_content(store, ndjson, tmp_path, suffix):
    half = len(ndjson.read_bytes()) // 2
    parts = [ndjson.read_bytes()[:half], ndjson.read_bytes()[half:]]
    packed = b"".join((gzip.compress if suffix == "gz" else zstandard.compress)(part) for part in parts)
    named, unnamed = tmp_path / f"packed.jsonl.{suffix}", tmp_path / "unnamed"
    named.write_bytes(packed)
    unnamed.write_bytes(packed)
    assert store.ingest(named).collection == "packed"
    assert store.ingest(unnamed, into="second").rows == 1000
    assert data(store, "packed") == data(store, "second") == ndjson.read_bytes().splitlines()


@pytest.mark.parametrize(
    ("name", "collection"),
    [
        ("events.ndjson", "events"),
        ("events.jsonl.gz", "events"),
        ("events.json.zst", "events"),
        ("events.NDJSON", "events"),
        ("2024.01.events.ndjson", "2024.01.events"),
        ("events.log", "events.log"),
        ("events.ndjson.bak", "events.ndjson.bak"),
        (".ndjson", ".ndjson"),
    ],
)
def test_the_collections_default_name(store, tmp_path, name, collection):
    file = tmp_path / name
    file.write_text("1\n")
    assert store.ingest(file).collection == collection


def test_a_file_that_was_ingested_before_is_skipped(store, ndjson):
    store.ingest(ndjson)
    report = store.ingest(ndjson)
    assert report.skipped
    assert report.rows == 0
    assert len(data(store, "things")) == 1000
    report = store.ingest(ndjson, again=True)
    assert not report.skipped
    assert (report.rows, report.duplicates) == (1000, 1000)
    assert len(data(store, "things")) == 2000


def test_file_objects(store, ndjson):
    with ndjson.open("rb") as file:
        assert store.ingest(file, into="file").rows == 1000
    assert store.ingest(io.BytesIO(ndjson.read_bytes()), into="memory").rows == 1000
    with gzip.open(io.BytesIO(gzip.compress(ndjson.read_bytes()))) as file:
        assert store.ingest(file, into="gzip").rows == 1000
    assert data(store, "file") == data(store, "memory") == data(store, "gzip") == ndjson.read_bytes().splitlines()


class OnlyRead:
    """The least that a file object can be."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)
        self.threads: set[int] = set()

    def read(self, size: int) -> bytes:
        self.threads.add(threading.get_ident())
        return self.file.read(min(size, 1000))


def test_a_file_object_needs_read_alone_and_is_read_by_the_calling_thread(store, ndjson):
    file = OnlyRead(ndjson.read_bytes())
    assert store.ingest(file, into="things").rows == 1000
    assert file.threads == {threading.get_ident()}


def test_a_text_file_is_refused_with_advice(store, ndjson):
    with ndjson.open() as file, pytest.raises(TypeError, match='open\\(path, "rb"\\)'):
        store.ingest(file, into="things")


def test_an_exception_of_a_file_object_comes_through(store):
    class Bad:
        def read(self, size):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        store.ingest(Bad(), into="things")
    with pytest.raises(TypeError, match="not int"):
        store.ingest(5, into="things")


def test_standard_input(path, ndjson):
    code = f"""
import lakebed
with lakebed.open({str(path)!r}) as store:
    print(store.ingest("-", into="things").rows)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=ndjson.read_bytes(), capture_output=True, check=True, timeout=60
    )
    assert done.stdout == b"1000\n"


def test_several_files_and_patterns(store, tmp_path):
    for number in range(3):
        (tmp_path / f"part{number}.ndjson").write_text(f'{{"n":{number}}}\n')
    report = store.ingest(str(tmp_path / "part*.ndjson"), into="parts")
    assert (report.rows, len(report.files), report.file) == (3, 3, "3 files")
    assert data(store, "parts") == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert store.ingest([tmp_path / "part0.ndjson", io.BytesIO(b"5\n")], into="list").rows == 2
    with pytest.raises(lakebed.InvalidArgument, match="into="):
        store.ingest(str(tmp_path / "part*.ndjson"))
    with pytest.raises(lakebed.InvalidArgument, match="into="):
        store.ingest(io.BytesIO(b"1\n"))
    with pytest.raises(FileNotFoundError, match="pattern"):
        store.ingest(str(tmp_path / "nosuch*.ndjson"), into="parts")
    with pytest.raises(lakebed.InvalidArgument, match="empty"):
        store.ingest([], into="parts")


def test_a_file_named_like_a_pattern_is_that_file(store, tmp_path):
    file = tmp_path / "a[1].ndjson"
    file.write_text("1\n")
    assert store.ingest(file, into="rows").rows == 1


def test_missing_files_and_directories(store, tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        store.ingest(tmp_path / "nosuch.ndjson")
    assert isinstance(missing.value, lakebed.StoreIOError)
    assert "nosuch.ndjson" in str(missing.value)
    with pytest.raises(IsADirectoryError, match="directory"):
        store.ingest(tmp_path, into="rows")


class TestBadLines:
    @pytest.fixture
    def bad(self, tmp_path: Path) -> Path:
        file = tmp_path / "bad.ndjson"
        file.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\n{"a":2}\n{"a":\nnope\n"\xff"\n{"a":3}')
        return file

    def test_the_first_is_an_error_and_nothing_of_it_is_kept(self, store, bad):
        with pytest.raises(lakebed.BadRecord) as raised:
            store.ingest(bad)
        assert "bad.ndjson" in str(raised.value)
        assert "line 4" in str(raised.value)
        assert "bad" not in [info.name for info in store.collections()] or data(store, "bad") == []

    def test_they_are_skipped_and_listed(self, store, bad):
        report = store.ingest(bad, on_error="skip")
        assert (report.lines, report.rows, report.bad_lines) == (7, 3, 3)
        assert [line.line for line in report.first_bad] == [4, 5, 6]
        assert all(line.reason for line in report.first_bad)
        assert data(store, "bad") == [b'{"a":1}', b'{"a":2}', b'{"a":3}']
        assert [row.line for row in store.scan("bad")] == [1, 3, 7]

    def test_they_are_put_into_quarantine(self, store, bad):
        report = store.ingest(bad, on_error="quarantine")
        assert (report.rows, report.bad_lines) == (3, 3)
        assert report.quarantine
        assert len(data(store, report.quarantine)) == 3
        for row in store.scan(report.quarantine):
            assert isinstance(row.json(), dict)

    def test_another_way_is_refused(self, store, bad):
        with pytest.raises(lakebed.InvalidArgument, match="quarantine"):
            store.ingest(bad, on_error="ignore")


class TestExport:
    def test_the_very_bytes_come_back(self, store, ndjson, tmp_path):
        store.ingest(ndjson)
        out = tmp_path / "out.ndjson"
        report = store.export("things", out)
        assert out.read_bytes() == ndjson.read_bytes()
        assert (report.rows, report.bytes) == (1000, len(ndjson.read_bytes()))
        memory = io.BytesIO()
        store.export("things", memory)
        assert memory.getvalue() == ndjson.read_bytes()
        store.export("things", os.devnull)

    def test_the_ending_of_the_name_says_the_format(self, store, ndjson, tmp_path):
        store.ingest(ndjson)
        whole = ndjson.read_bytes()
        array = b"[\n " + whole[:-1].replace(b"\n", b",\n ") + b"\n]\n"
        formats: list[tuple[str, Callable[..., IO[bytes]], bytes]] = [
            ("out", open, whole),
            ("out.jsonl", open, whole),
            ("out.ndjson.gz", cast("Callable[..., IO[bytes]]", gzip.open), whole),
            ("out.json", open, array),
            ("out.json.gz", cast("Callable[..., IO[bytes]]", gzip.open), array),
        ]
        for name, opened, expected in formats:
            report = store.export("things", tmp_path / name)
            with opened(tmp_path / name, "rb") as file:
                assert file.read() == expected, name
            assert (report.rows, report.bytes) == (1000, len(expected))
        store.export("things", tmp_path / "out.ndjson.zst")
        packed = (tmp_path / "out.ndjson.zst").read_bytes()
        assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == whole
        store.export("things", tmp_path / "out.dump", format="ndjson")
        assert (tmp_path / "out.dump").read_bytes() == whole
        memory = io.BytesIO()
        store.export("things", memory, format="json")
        assert memory.getvalue() == array
        for name, reason in (
            ("out.dump", r"ends in \.dump"),
            ("out.csv", "would be csv"),
            ("out.parquet", "lakebed export"),
        ):
            with pytest.raises(lakebed.InvalidArgument, match=reason):
                store.export("things", tmp_path / name)
        assert not (tmp_path / "out.csv").exists()

    def test_an_empty_collection_is_an_empty_array(self, store, ndjson, tmp_path):
        store.ingest(ndjson)
        store.trim("things", before_seq=10**6)
        store.export("things", tmp_path / "out.json")
        assert json.loads((tmp_path / "out.json").read_bytes()) == []

    def test_a_raw_file_that_takes_little_at_a_time(self, store, ndjson):
        class Slow(io.RawIOBase):
            taken = b""

            def write(self, data):
                self.taken += bytes(data[:1000])
                return min(len(data), 1000)

        store.ingest(ndjson)
        slow = Slow()
        store.export("things", slow)
        assert slow.taken == ndjson.read_bytes()

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, store, tmp_path):
        out = tmp_path / "out.ndjson"
        out.write_text("old")
        with pytest.raises(lakebed.CollectionNotFound):
            store.export("nosuch", out)
        assert out.read_text() == "old"
        assert [file.name for file in tmp_path.iterdir() if "unfinished" in file.name] == []

    def test_an_exception_of_the_file_object_comes_through(self, store, ndjson):
        class Bad:
            def write(self, data):
                raise BrokenPipeError("gone")

        store.ingest(ndjson)
        with pytest.raises(BrokenPipeError, match="gone"):
            store.export("things", Bad())

    def test_where_no_file_can_be(self, store, ndjson, tmp_path):
        store.ingest(ndjson)
        with pytest.raises(FileNotFoundError):
            store.export("things", tmp_path / "nosuch" / "out.ndjson")
        with pytest.raises(OSError, match="directory"):
            store.export("things", tmp_path)


class TestProgress:
    @pytest.fixture
    def many(self, tmp_path: Path) -> Path:
        file = tmp_path / "many.ndjson"
        with file.open("w") as out:
            for number in range(200_000):
                out.write(f'{{"id":{number},"text":"some text that is not the same {number * 7919 % 100_003}"}}\n')
        return file

    def test_a_callable_is_told_by_the_calling_thread(self, store, many):
        reported = []
        threads = set()

        def progress(progress: lakebed.Progress) -> None:
            reported.append(progress)
            threads.add(threading.get_ident())

        store.ingest(many, progress=progress)
        assert reported
        assert all(isinstance(one, lakebed.Progress) for one in reported)
        assert reported[-1].bytes <= many.stat().st_size
        assert reported[-1].total_bytes == many.stat().st_size
        assert [one.bytes for one in reported] == sorted(one.bytes for one in reported)
        assert threads == {threading.get_ident()}

    def test_its_exception_stops_the_call(self, store, many):
        def progress(progress):
            raise ZeroDivisionError("enough")

        with pytest.raises(ZeroDivisionError, match="enough"):
            store.ingest(many, progress=progress)
        assert store.verify().ok

    def test_true_draws_a_bar_on_standard_error(self, path, many):
        code = f"""
import lakebed
with lakebed.open({str(path)!r}) as store:
    store.ingest({str(many)!r}, progress=True)
    store.verify(progress=True)
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            timeout=60,
            env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "150"},
        )
        assert done.stdout == b""
        assert b"many.ndjson" in done.stderr
        assert b"rows" in done.stderr

    def test_true_draws_a_bar_on_the_page_of_a_notebook(self, store, many, monkeypatch, capfd):
        shown = []

        class Handle:
            def update(self, html):
                shown.append(html)

        def display(html, *, display_id):
            assert display_id
            shown.append(html)
            return Handle()

        notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
        monkeypatch.setitem(sys.modules, "IPython", notebook)
        monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=display))
        store.ingest(many, progress=True)
        assert (shown[0], shown[-1]) == ("", "")
        assert all("many.ndjson" in bar and "<progress" in bar and " rows" in bar for bar in shown[1:-1])
        assert "MB/s" in shown[-2]
        assert capfd.readouterr() == ("", "")

    def test_anything_else_is_a_type_error(self, store, many):
        with pytest.raises(TypeError, match="progress"):
            store.ingest(many, progress=5)
        store.ingest(many, progress=False)

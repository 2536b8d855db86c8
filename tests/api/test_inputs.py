"""Kinds of files that ingest reads, and where they come from."""

import bz2
import datetime
import gzip
import http.server
import io
import json
import lzma
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import lakebed

LINES = b'{"n":1}\n{"n":2}\n'


def data(store, collection):
    return [row.data for row in store.scan(collection)]


def lines(store, collection):
    return [(row.line, row.data) for row in store.scan(collection)]


class TestJson:
    @pytest.mark.parametrize("indent", [None, 2])
    def test_elements_of_an_array_are_records(self, store, tmp_path, indent):
        file = tmp_path / "array.json"
        file.write_text(json.dumps([{"a": 1}, {"a": [2, "x"]}], indent=indent))
        report = store.ingest(file)
        assert (report.rows, report.minified) == (2, 2 if indent else 0)
        separators = (",", ":") if indent else None
        assert [bytes(one) for one in data(store, "array")] == [
            json.dumps(value, separators=separators).encode() for value in ({"a": 1}, {"a": [2, "x"]})
        ]
        assert store.ingest(file).skipped

    def test_values_over_several_lines(self, store, tmp_path):
        file = tmp_path / "values.json"
        file.write_text('{\n  "a": 1.10\n}\n{"b":  2} {"c":3}\n')
        assert store.ingest(file).rows == 3
        assert lines(store, "values") == [(1, b'{"a":1.10}'), (2, b'{"b":  2}'), (3, b'{"c":3}')]

    def test_nan_is_replaced_only_if_asked(self, store, tmp_path):
        file = tmp_path / "nan.ndjson"
        file.write_text(json.dumps({"a": float("nan"), "b": float("-inf"), "NaN": "NaN"}) + "\n")
        with pytest.raises(lakebed.BadRecord, match="`nan` null"):
            store.ingest(file)
        assert store.ingest(file, "null", nan="null").replaced == 1
        store.ingest(file, "text", nan="string")
        assert data(store, "null") == [b'{"a": null, "b": null, "NaN": "NaN"}']
        assert data(store, "text") == [b'{"a": "NaN", "b": "-Infinity", "NaN": "NaN"}']
        with pytest.raises(lakebed.InvalidArgument, match="null"):
            store.ingest(file, nan="zero")


class TestPacked:
    @pytest.mark.parametrize("module", [lzma, bz2])
    def test_xz_and_bzip2_are_seen_by_content(self, store, tmp_path, module):
        file = tmp_path / "some.ndjson"
        file.write_bytes(module.compress(LINES))
        assert store.ingest(file).rows == 2
        assert store.ingest(file).skipped
        with file.open("rb") as opened:
            assert store.ingest(opened, into="object").rows == 2
        # Two streams one after the other, as of a log that is appended to.
        file.write_bytes(module.compress(LINES) + module.compress(b'{"n":3}\n'))
        report = store.ingest(file)
        assert (report.rows, report.resumed_after_line) == (1, 2)
        file.write_bytes(module.compress(LINES * 500)[:-10])
        with pytest.raises(lakebed.BadRecord, match=r"cut off|damaged"):
            store.ingest(file, into="cut")

    def test_the_collection_is_named_without_suffixes(self, store, tmp_path):
        file = tmp_path / "events.ndjson.xz"
        file.write_bytes(lzma.compress(LINES))
        assert store.ingest(file).collection == "events"

    def test_members_of_a_zip(self, store, tmp_path):
        file = tmp_path / "some.zip"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/one.ndjson", LINES)
            archive.writestr("b.json.gz", gzip.compress(b'[{"n":3}]'))
            archive.writestr("c.csv", "n\n4\n")
            archive.writestr("README.md", "no records")
            archive.writestr("__MACOSX/a/._one.ndjson", "junk")
        report = store.ingest(file)
        assert (report.collection, report.rows) == ("some", 4)
        assert [one.file for one in report.files] == [
            f"{file}/{name}" for name in ("a/one.ndjson", "b.json.gz", "c.csv")
        ]
        assert data(store, "some") == [b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}']
        assert store.ingest(file).skipped
        # A member that has grown goes on, and a new one is new.
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/one.ndjson", LINES + b'{"n":5}\n')
            archive.writestr("d.ndjson", b'{"n":6}\n')
        assert [one.rows for one in store.ingest(file).files] == [1, 1]
        file.write_bytes(file.read_bytes()[:60])
        with pytest.raises(lakebed.BadRecord, match="cannot be unpacked"):
            store.ingest(file, into="cut")

    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
    def test_members_of_a_tar(self, store, tmp_path, mode):
        file = tmp_path / "some.tar"
        with tarfile.open(file, mode) as archive:
            for name, content in [("a.ndjson", LINES), ("b.jsonl", b'{"n":3}\n')]:
                about = tarfile.TarInfo(name)
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
        assert store.ingest(file).rows == 3
        assert store.ingest(file).skipped

    def test_members_of_a_tar_under_zstd(self, store, tmp_path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in [("a.ndjson", LINES * 50_000), ("b.jsonl", b'{"n":3}\n')]:
                about = tarfile.TarInfo(name)
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
        whole = packed.getvalue()
        frames = [zstandard.compress(whole[:700_000]), zstandard.compress(whole[700_000:])]
        file = tmp_path / "some.tar.zst"
        file.write_bytes(b"".join(frames))
        assert store.ingest(file).rows == 100_001
        assert {row.file for row in store.scan("some", 99_999)} == {f"{file}/a.ndjson", f"{file}/b.jsonl"}
        assert store.ingest(file).skipped
        file.write_bytes(b"".join(frames)[:-20])
        with pytest.raises(lakebed.BadRecord, match=r"some\.tar\.zst.* copy or fetch the file again"):
            store.ingest(file, into="cut")
        file.write_bytes(frames[0] + b"damage")
        with pytest.raises(
            lakebed.BadRecord, match=r"some\.tar\.zst cannot be unpacked: .* copy or fetch the file again"
        ):
            store.ingest(file, into="cut")
        assert "cut" not in [one.name for one in store.collections()]


class TestTables:
    def test_csv_keeps_every_digit_and_the_text(self, store, tmp_path):
        file = tmp_path / "table.csv"
        file.write_text('id,price,zip,ok,note,"a ""b"""\n1,1.10,007,true,"x\ny",\n2,-3e5,12,false,,""\n')
        assert store.ingest(file).rows == 2
        assert lines(store, "table") == [
            (1, b'{"id":1,"price":1.10,"zip":"007","ok":true,"note":"x\\ny","a \\"b\\"":null}'),
            (2, b'{"id":2,"price":-3e5,"zip":"12","ok":false,"note":null,"a \\"b\\"":""}'),
        ]
        assert store.ingest(file).skipped
        file.write_text(file.read_text() + "3,4,5,true,z,w\n")
        report = store.ingest(file)
        assert (report.rows, report.resumed_after_line) == (1, 2)
        # A column of another kind: its old rows would be written otherwise.
        file.write_text(file.read_text() + "x,4,5,true,z,w\n")
        with pytest.raises(lakebed.SourceChanged, match="another kind"):
            store.ingest(file)
        assert store.ingest(file, again=True).rows == 4

    @pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
    def test_other_delimiters_and_compression(self, store, tmp_path, pack):
        suffix = {bytes: "", gzip.compress: ".gz", lzma.compress: ".xz"}[pack]
        for form, content in (("tsv", b"a\tb\n1\tx;y\n"), ("csv", b"a;b\n1;x\n2;y\n")):
            file = tmp_path / f"t.{form}{suffix}"
            file.write_bytes(pack(content))
            store.ingest(file, into=form)
        assert data(store, "tsv") == [b'{"a":1,"b":"x;y"}']
        assert data(store, "csv") == [b'{"a":1,"b":"x"}', b'{"a":2,"b":"y"}']

    def test_a_bad_table_is_named(self, store, tmp_path):
        file = tmp_path / "bad.csv"
        file.write_text("a,b\n1,2\n1,2,3,4\n")
        with pytest.raises(lakebed.BadRecord, match=r"bad\.csv cannot be read as a table"):
            store.ingest(file)
        assert store.collections() == ()

    def test_parquet_is_written_as_append_writes_a_table(self, store, tmp_path):
        table = pa.table(
            {
                "n": pa.array([1, None], pa.int64()),
                "t": pa.array([datetime.datetime(2024, 2, 29, 12, 30), None], pa.timestamp("us")),
                "s": [{"x": [1.5]}, None],
            }
        )
        file = tmp_path / "some.parquet"
        pq.write_table(table, file)
        assert store.ingest(file).rows == 2
        store.append("appended", table)
        assert data(store, "some") == data(store, "appended")
        assert [row.line for row in store.scan("some")] == [1, 2]
        assert store.ingest(file).skipped


class TestWhere:
    def test_directories(self, store, tmp_path):
        place = tmp_path / "logs"
        (place / "deep").mkdir(parents=True)
        (place / "b.ndjson").write_bytes(b'{"n":1}\n')
        (place / "deep" / "a.csv").write_text("n\n2\n")
        (place / "notes.txt").write_text("nothing")
        (place / ".hidden.ndjson").write_text("junk")
        lakebed.open(place / "own.lakebed").close()
        with pytest.raises(lakebed.StoreIOError, match="--recursive"):
            store.ingest(place)
        report = store.ingest(place, recursive=True)
        assert report.collection == "logs"
        assert [one.file for one in report.files] == [str(place / "b.ndjson"), str(place / "deep" / "a.csv")]
        (place / "c.ndjson").write_bytes(b'{"n":3}\n')
        assert store.ingest(place, recursive=True).rows == 1
        (tmp_path / "empty").mkdir()
        with pytest.raises(lakebed.StoreIOError, match="holds no file"):
            store.ingest(tmp_path / "empty", recursive=True)

    def test_equal_files_are_skipped_and_said_so(self, store, tmp_path):
        for name in ("a", "b"):
            (tmp_path / f"{name}.ndjson").write_bytes(LINES)
        planned = store.ingest(str(tmp_path / "*.ndjson"), into="x", dry_run=True)
        assert store.collections() == ()
        done = store.ingest(str(tmp_path / "*.ndjson"), into="x")
        for report in (planned, done):
            first, second = report.files
            assert (first.skipped, first.rows, second.skipped, second.rows) == (False, 2, True, 0)
            assert second.same_as == str(tmp_path / "a.ndjson")
        assert len(data(store, "x")) == 2

    def test_a_dry_run_reads_and_checks_and_writes_nothing(self, store, tmp_path):
        file = tmp_path / "a.ndjson"
        file.write_bytes(LINES)
        report = store.ingest(file, dry_run=True)
        assert (report.dry_run, report.rows, report.commit) == (True, 2, 0)
        store.ingest(file)
        assert store.ingest(file, dry_run=True).skipped
        file.write_bytes(LINES + b'{"n":3}\nnope\n')
        with pytest.raises(lakebed.BadRecord, match="line 4"):
            store.ingest(file, dry_run=True)
        report = store.ingest(file, dry_run=True, on_error="skip")
        assert (report.rows, report.bad_lines, report.resumed_after_line) == (1, 1, 2)
        assert len(data(store, "a")) == 2


class TestGrowing:
    def test_a_grown_file_goes_on(self, store, tmp_path):
        file = tmp_path / "a.ndjson"
        file.write_bytes(LINES)
        store.ingest(file)
        with file.open("ab") as opened:
            opened.write(b'{"n":3}\n{"n":')
        report = store.ingest(file)
        assert (report.rows, report.resumed_after_line, report.unfinished_bytes) == (1, 2, 5)
        assert report.resumed_from == str(file)
        with file.open("ab") as opened:
            opened.write(b"4}\n")
        assert store.ingest(file).rows == 1
        assert lines(store, "a") == [(n, b'{"n":%d}' % n) for n in range(1, 5)]

    def test_a_followed_file(self, path, tmp_path):
        file = tmp_path / "app.log"
        file.write_bytes(LINES)
        began = time.monotonic()
        appended: list[int] = []

        def progress(done):
            assert time.monotonic() - began < 60
            if done.rows == 2 and not appended:
                with file.open("ab") as opened:
                    appended.append(opened.write(b'{"n":3}\n{"half":'))
            elif done.rows == 3:
                raise KeyboardInterrupt

        with lakebed.open(path) as store:
            report = store.ingest(file, "logs", follow=True, progress=progress)
            assert (report.rows, report.rotations) == (3, 0)
            assert data(store, "logs") == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
            report = store.ingest(file, "logs")
            assert (report.rows, report.unfinished_bytes) == (0, 8)

    def test_what_cannot_be_followed(self, store, tmp_path):
        for name in ("a", "b"):
            (tmp_path / f"{name}.ndjson").write_bytes(LINES)
        for source in ("-", [tmp_path / "a.ndjson", tmp_path / "b.ndjson"], "http://localhost/x.ndjson"):
            with pytest.raises(lakebed.InvalidArgument, match="one plain file"):
                store.ingest(source, "x", follow=True)

    def test_standard_input_is_committed_as_it_comes(self, path):
        code = f"import lakebed\nwith lakebed.open({str(path)!r}) as store: store.ingest('-', into='x')"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(LINES)
            process.stdin.flush()
            began = time.monotonic()
            seen = 0
            while seen < 2:
                assert time.monotonic() - began < 30
                time.sleep(0.05)
                if path.exists():
                    try:
                        with lakebed.open(path, "r") as store:
                            seen = sum(one.rows for one in store.collections())
                    except lakebed.LakebedError:
                        continue
            # The lock is free meanwhile.
            with lakebed.open(path, lock_timeout=5) as store:
                store.append("other", ["1"])
            process.stdin.write(b'{"n":3}\n')
            process.stdin.close()
            assert process.wait(30) == 0
        with lakebed.open(path, "r") as store:
            assert [row.line for row in store.scan("x")] == [1, 2, 3]


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`, and breaks off after `breaks_after` bytes of an answer."""

    content = b""
    breaks_after = 1 << 30
    requests: list[dict[str, str]] = []  # noqa: RUF012

    def do_GET(self):
        self.requests.append(dict(self.headers))
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        start = 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start : start + self.breaks_after])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    Server.requests = []
    Server.breaks_after = 1 << 30
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


class TestWeb:
    def test_an_address_is_streamed_and_no_credentials_are_kept(self, path, server):
        Server.content = LINES
        with lakebed.open(path) as store:
            address = f"http://user:secret@{server}/some.ndjson?key=hidden"
            report = store.ingest(address)
            assert (report.collection, report.rows, report.file) == ("some", 2, f"http://{server}/some.ndjson")
            assert Server.requests[0]["Authorization"].startswith("Basic ")
            assert store.ingest(address).skipped
            Server.content = LINES + b'{"n":3}\n'
            report = store.ingest(address)
            assert (report.rows, report.resumed_after_line) == (1, 2)
            with pytest.raises(lakebed.StoreIOError, match="404") as caught:
                store.ingest(f"http://user:secret@{server}/missing.ndjson")
            assert "secret" not in str(caught.value)
        assert not any(b"secret" in file.read_bytes() for file in path.rglob("*") if file.is_file())

    def test_a_broken_connection_is_gone_on_with(self, store, server):
        Server.content = b"".join(b'{"n":%d}\n' % n for n in range(10_000))
        Server.breaks_after = 40_000
        report = store.ingest(f"http://{server}/some.ndjson")
        assert report.rows == 10_000
        assert "Range" in Server.requests[1]

    def test_what_needs_a_copy_gets_one(self, store, server):
        Server.content = b"a,b\n1,x\n"
        assert store.ingest(f"http://{server}/t.csv").rows == 1
        Server.content = gzip.compress(LINES)
        assert store.ingest(f"http://{server}/t.ndjson.gz", into="g").rows == 2
        Server.content = lzma.compress(LINES)
        assert store.ingest(f"http://{server}/t.ndjson.xz", into="x").rows == 2
        assert data(store, "t") == [b'{"a":1,"b":"x"}']

    def test_nobody_there(self, store):
        with pytest.raises(lakebed.StoreIOError, match="127"):
            store.ingest("http://127.0.0.1:9/x.ndjson")


def test_pending_records_of_a_program_that_ends_are_named(tmp_path):
    code = "import lakebed; store = lakebed.open('data.lakebed'); store.append('x', ['1', '2']); {}"
    for end, said in (("pass", True), ("store.commit()", False), ("store.close()", False), ("store.rollback()", False)):
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", code.format(end)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("lakebed: 2 pending records of data.lakebed were never committed" in done.stderr) == said, end
        assert ("ResourceWarning" in done.stderr) == said


def test_a_dangling_link_is_said_to_be_one(tmp_path):
    link = tmp_path / "data.lakebed"
    link.symlink_to(tmp_path / "gone")
    for mode in ("r", "a"):
        with pytest.raises(lakebed.StoreNotFound, match=r"is a symbolic link to .*gone, which does not exist"):
            lakebed.open(link, mode)


def test_following_ends_with_an_interrupt(tmp_path):
    (tmp_path / "a.log").write_bytes(LINES)
    program = [sys.executable, "-m", "lakebed", "ingest", "a.log", "--follow", "--into", "logs"]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        began = time.monotonic()
        while time.monotonic() - began < 30:
            time.sleep(0.1)
            try:
                with lakebed.open(tmp_path / "data.lakebed", "r") as store:
                    if any(one.rows == 2 for one in store.collections()):
                        break
            except lakebed.LakebedError:
                pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["rows"] == 2


class Stream:
    """A stream of these bytes, which knows whether its end was read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ended = False

    def read(self, _size: int) -> bytes:
        data, self.data = self.data, b""
        self.ended = not data
        return data


def test_an_end_that_an_interrupt_comes_with_is_not_that_of_the_input(tmp_path):
    stream = Stream(LINES)

    def progress(*_: object) -> None:
        if stream.ended:
            # Ctrl-C, which also ended the program at the other end of the pipe.
            raise KeyboardInterrupt

    with lakebed.open(tmp_path / "data.lakebed") as store, pytest.raises(lakebed.Interrupted):
        store.ingest(cast("IO[bytes]", stream), into="logs", progress=progress)

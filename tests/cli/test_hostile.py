"""What nobody hopes for: strange but legal records, limits, disks that fill up, streams that are closed, inputs that
change."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import lakebed

from .conftest import PROGRAM

SAMPLE = Path(__file__).parents[2] / "docs/sample/packages.ndjson.zst"
STRANGE = [
    rb'{"s":"\ud800","t":"\udc00\ud800"}',
    rb'{"s":"a\u0000b","\u0000":1}',
    b'{"n":1e400,"m":123456789012345678901234567890123456789012345678901234567890,"z":-0,"y":1E-400}',
    b'{"a":1,"a":2,"A":3,"":4,"_seq":5,"_json":6}',
    b"1",
    b'"x"',
    b"null",
    b"[ ]",
    b"[" * 1024 + b"]" * 1024,
    b' {"a" : 1 } ',
]


def refused(done, code, *texts):
    assert done.code == code, done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    for text in texts:
        assert text in done.err


def test_strange_records_come_back_as_they_were_and_can_be_asked(run, place):
    content = b"".join(line + b"\n" for line in STRANGE)
    (place / "strange.ndjson").write_bytes(content)
    done = run("ingest", "strange.ndjson")
    assert done.code == 0, done.err
    assert done.rows[0]["rows"] == len(STRANGE)
    assert run("export", "strange").out == content
    rows = run("query", "SELECT _seq, _json FROM strange ORDER BY _seq").text.splitlines()
    assert [row.split('"_json":', 1)[1].removesuffix("}").encode() for row in rows] == STRANGE
    # Whole rows, every column.
    assert run("query", "FROM strange").code == 0
    assert run("describe", "strange").code == 0
    # The same as two members of gzip, cut in the middle of a line.
    (place / "strange.gz").write_bytes(gzip.compress(content[:70]) + gzip.compress(content[70:]))
    run("ingest", "strange.gz", "--into", "again")
    assert run("export", "again").out == content


def test_what_is_no_ndjson_is_refused_whole(run, store, place):
    cases = [
        (1, b'{"a":1}\n{"a":"\xff"}\n', "line 2, column 7", "UTF-8"),
        (1, b'{"a":"\x00"}\n', "line 1, column 7", "control character"),
        (1, b"1\n" + b"[" * 1025 + b"]" * 1025, "line 2, column 1025", "1,024 levels"),
        (1, b'[\n {"a":1},\n {"a":2}\n', "after its value 2", "the array has no end"),
        (1, b'[\n {"a":1},\n {"a":2}\n] tail', "text follows the end of the array"),
        (1, b'{\n "a": 1\n}\n{\n "a": }\n', "line 2, column 6"),
        (1, b'{"a":1} tail\n', "line 1, column 9"),
        (1, "{}\n".encode("utf-16"), "UTF-16", "iconv"),
        (7, gzip.compress(b'{"a":1}\n' * 9999)[:-20], "bad.json", "the gzip data is cut off"),
    ]
    for number, (code, content, *texts) in enumerate(cases):
        (place / "bad.json").write_bytes(content)
        refused(run("ingest", "bad.json", "--into", "events" if number % 2 else "new"), code, "bad.json", *texts)
    assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}]
    assert [one["name"] for one in run("collections").rows] == ["events"], "a refused ingest makes no collection"
    assert run("verify").code == 0


def test_a_named_pipe_is_put_like_a_file(run, place):
    os.mkfifo(place / "pipe")
    writer = threading.Thread(target=lambda: (place / "pipe").write_bytes(b"through a pipe"))
    writer.start()
    hash = run("put", "pipe").rows[0]["hash"]
    writer.join()
    assert run("get", hash).out == b"through a pipe"


def test_files_whose_names_are_no_text(run, place):
    name = b"na\xffme.ndjson"
    (place / os.fsdecode(name)).write_text('{"a":1}\n')
    report = run("ingest", os.fsdecode(name)).rows[0]
    assert (report["collection"], report["rows"]) == ("na\ufffdme", 1)
    assert run("query", 'SELECT _file, a FROM "na\ufffdme"').rows == [{"_file": "na\ufffdme.ndjson", "a": 1}]
    assert run("put", os.fsdecode(name)).rows[0]["name"] == "na\ufffdme.ndjson"
    refused(run("ingest", os.fsdecode(b"no\xff.ndjson")), 7, "There is no file no")


def test_a_file_too_large_for_a_blob_is_refused_before_it_is_read(run, place, store):
    with (place / "huge.bin").open("wb") as file:
        file.truncate(1 << 32)
    refused(run("put", "huge.bin"), 2, "huge.bin", "4294967295")


def test_what_may_not_be_read(run, store, place):
    # Root may too, unless it gives up the right to read everything.
    plain = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    before = plain if os.geteuid() == 0 else ()
    (place / "secret.ndjson").write_text("{}")
    (place / "secret.ndjson").chmod(0)
    (place / "data.lakebed").chmod(0)
    try:
        done = run("ingest", "secret.ndjson", "--store", "new.lakebed", before=before)
        refused(done, 7, "secret.ndjson cannot be read: permission denied")
        done = run("put", "secret.ndjson", "--store", "new.lakebed", before=before)
        refused(done, 7, "secret.ndjson cannot be read: Permission denied")
        refused(run("stats", before=before), 7, "data.lakebed failed: permission denied")
    finally:
        (place / "data.lakebed").chmod(0o755)


def test_numbers_have_limits(run, store):
    refused(run("query", "FROM events", "--format", "table", "--rows", "-1"), 2, "--rows", "-1")
    refused(run("train", "events", "--size", "-10"), 2, "--size", "-10")
    refused(run("train", "events", "--size", "10"), 2, "10 bytes")
    refused(run("trim", "events", "--before-seq", "-1"), 2, "--before-seq", "-1")
    refused(run("trim", "events", "--before-seq", 2**70), 2, "A sequence number", str(2**70))


def test_names_have_a_length(run, store):
    refused(run("ingest", "events.ndjson", "--into", "x" * 1025), 2, "1024 bytes", "1025")
    refused(run("ingest", "events.ndjson", "--into", ""), 2, "1 to 1024")
    assert run("ingest", "events.ndjson", "--into", "é" * 512).code == 0
    assert run("query", f'SELECT count(*) AS n FROM "{"é" * 512}"').rows == [{"n": 5}]


def test_a_file_that_may_not_grow_leaves_the_store_as_it_was(run, place, store):
    (place / "more.ndjson").write_bytes(
        b"".join(b'{"n":"%s"}\n' % os.urandom(64).hex().encode() for _ in range(20_000))
    )
    limit = 200_000

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [PROGRAM, "ingest", "more.ndjson"], cwd=place, preexec_fn=limited, capture_output=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith(b"error: Writing segment 1 failed: file too large;"), done.stderr
    assert done.stderr.count(b"\n") == 1
    assert b"os error" not in done.stderr
    assert run("collections").rows[0]["name"] == "events"
    assert run("verify").code == 0
    assert run("ingest", "more.ndjson").rows[0]["rows"] == 20_000


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams(run, store, place, closed):
    done = subprocess.run(
        ["bash", "-c", f'"{PROGRAM}" stats {closed} && "{PROGRAM}" put events.ndjson {closed}'],
        cwd=place,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert run("verify").code == 0


def test_a_full_standard_output_is_told(run, store, place):
    for arguments in ('query "FROM events"', "export events", "stats"):
        done = subprocess.run(
            ["bash", "-c", f'"{PROGRAM}" {arguments} >/dev/full'], cwd=place, capture_output=True, check=False
        )
        assert done.returncode == 7, (arguments, done.stderr)
        assert done.stderr.count(b"\n") == 1, done.stderr


def test_an_export_names_the_file_that_was_asked_for(run, store):
    refused(
        run("export", "events", "no/such/out.ndjson"),
        7,
        "no/such/out.ndjson cannot be written: No such file or directory.",
    )


def test_resuming_goes_on_and_refuses_another_beginning(run, place):
    lines = [
        b'{"n":%d,"kind":"event","actor":{"login":"user-%d","site_admin":false},"text":"%d and %d"}\n'
        % (n, n % 97, n * 2654435761 % 2**32, n * 40503 % 2**16)
        for n in range(200_000)
    ]
    content = b"".join(lines)
    # With a dictionary there, nothing is held back to train on.
    before = run("ingest", SAMPLE, "--into", "many").rows[0]
    assert before["trained"]
    process = subprocess.Popen(
        [PROGRAM, "ingest", "-", "--into", "many"],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"".join(lines[:150_000]))
    process.stdin.flush()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    # The input stays open: its end must not come before the signal is seen.
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(timeout=60) == 130, err
    process.stdin.close()
    process.stderr.close()
    kept = run("query", "SELECT count(*) AS n FROM many").rows[0]["n"] - before["rows"]
    assert 0 < kept <= 150_000
    # A pipe cannot be known again: what to do is said, in the words of the command line.
    assert (
        f"lines up to {kept} are kept: give the same input again with --resume, which goes on after them, "
        "or they are stored a second time"
    ) in err.decode()
    refused(run("ingest", "-", "--into", "many", "--resume", stdin=b"0\n" + content), 1, "its beginning has changed")
    done = run("ingest", "-", "--into", "many", "--resume", stdin=content)
    assert done.rows[0]["resumed_after_line"] == kept
    assert run("export", "many").out.endswith(b"\n" + content)


def test_options_are_named_as_they_are_typed(run, place):
    (place / "bad.ndjson").write_text('{"a":1}\n{bad\n')
    done = run("ingest", "bad.ndjson")
    refused(done, 1, "(--on-error skip)")
    assert "(--on-error quarantine)" in done.err
    assert "`" not in done.err
    assert run("ingest", "bad.ndjson", "--on-error", "skip").code == 0
    refused(run("ingest", "bad.ndjson", "--again", "--resume"), 2, "goes on (--resume) or begins anew (--again)")


def test_a_store_is_not_made_below_a_directory_that_is_not_there(run, place):
    (place / "a.ndjson").write_text("1\n")
    for arguments in (("ingest", "a.ndjson"), ("put", "a.ndjson")):
        refused(
            run("-s", "wrong/path/x.lakebed", *arguments), 7, f"There is no directory {place / 'wrong/path'} to make"
        )
    assert not (place / "wrong").exists()


def test_no_output_replaces_a_file_of_a_store(run, tmp_path):
    directory = tmp_path / "s.lakebed"
    with lakebed.open(directory) as store:
        store.append("events", [{"id": 1}])
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    (segment,) = (directory / "segments").glob("*.seg")
    for target in (directory / "FORMAT", segment, directory / "new.ndjson"):
        for words in (
            ("export", "events", target, "--format", "ndjson"),
            ("query", "FROM events", "-o", target, "--format", "csv"),
            ("-c", f"output '{target}'"),
        ):
            refused(run("--store", directory, *words), 2, "inside the store")
        with lakebed.open(directory, "r") as store, pytest.raises(lakebed.InvalidArgument, match="inside the store"):
            store.export("events", target, format="ndjson")
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before

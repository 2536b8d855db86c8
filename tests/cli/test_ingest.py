"""`lakebed ingest`, which store a command works on, and errors that a user causes."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.cli.conftest import PROGRAM


class TestStore:
    def test_only_ingest_and_put_make_one(self, run, place, events):
        for arguments in (["query", "SELECT 1"], ["stats"], ["collections"], ["drop", "x"], ["seal"], ["delete", "00"]):
            done = run(*arguments)
            assert done.code == 5, arguments
            assert f"There is no store at {place}/data.lakebed: name one with --store or $LAKEBED_STORE" in done.err
        assert not (place / "data.lakebed").exists()
        assert run("put", events, "--store", "other.lakebed").code == 0
        assert (place / "other.lakebed").is_dir()

    def test_a_refused_ingest_makes_none(self, run, place):
        for arguments in (["nosuch.ndjson"], [place], ["*.json"], ["-"]):
            assert run("ingest", *arguments).code in (2, 7)
        assert list(place.iterdir()) == []

    def test_flag_before_variable_before_default(self, run, place, events):
        assert run("ingest", events, "--store", "one.lakebed").code == 0
        assert run("query", "SELECT count(*) AS n FROM events", LAKEBED_STORE="one.lakebed").rows == [{"n": 5}]
        assert run("--store", "one.lakebed", "query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}]
        done = run("query", "SELECT 1", "--store", "two.lakebed", LAKEBED_STORE="one.lakebed")
        assert done.code == 5
        assert "two.lakebed" in done.err


class TestIngest:
    def test_the_collection_is_named_after_the_file_and_the_report_is_data(self, run, events):
        done = run("ingest", "events.ndjson")
        (report,) = done.rows
        assert (report["collection"], report["rows"], report["new_blobs"], report["duplicates"]) == ("events", 5, 4, 1)
        assert done.err == ""

    def test_a_file_that_was_ingested_before_is_skipped_and_said_so(self, run, store):
        done = run("ingest", "events.ndjson")
        assert (done.code, done.rows[0]["skipped"]) == (0, True)
        assert done.err == "note: events.ndjson was ingested into events before: skipped (--again ingests it again)\n"
        assert run("ingest", "events.ndjson", "--again").rows[0]["rows"] == 5
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 10}]

    def test_patterns_several_files_and_standard_input(self, run, place):
        for number in range(3):
            (place / f"log{number}.ndjson").write_text(f'{{"n":{number}}}\n')
        assert len(run("ingest", "log*.ndjson", "--into", "logs").rows) == 3
        assert run("ingest", "-", "--into", "logs", stdin=b'{"n":3}\n').rows[0]["rows"] == 1
        assert run("query", "SELECT n FROM logs ORDER BY 1").rows == [{"n": n} for n in range(4)]

    def test_bad_lines(self, run, place):
        (place / "bad.ndjson").write_bytes(b'{"n":1}\n{"n":}\n\n{"n":2}\n')
        done = run("ingest", "bad.ndjson")
        assert done.code == 1
        assert re.match(r"error: .*bad\.ndjson.*line 2", done.err, re.DOTALL)
        assert done.out == b""
        done = run("ingest", "bad.ndjson", "--on-error", "skip")
        assert done.code == 0
        assert done.rows[0]["bad_lines"] == 1
        assert "note: 1 bad line of bad.ndjson skipped\n  line 2, column 6: " in done.err
        done = run("ingest", "bad.ndjson", "--on-error", "quarantine", "--again", "--into", "kept")
        assert done.rows[0]["quarantine"] in run("collections").text

    def test_a_person_sees_sentences(self, on_terminal, events):
        seen = on_terminal("ingest", "events.ndjson").text
        assert "events.ndjson -> events: 5 rows, 1 of them known before" in seen
        assert "{" not in seen


class TestBadInput:
    """One clear sentence each, its exit code, and the store unharmed."""

    @pytest.fixture
    def healthy(self, run, store):
        yield
        done = run("verify")
        assert done.code == 0, done.err
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}]

    def refused(self, done, code, *texts):
        assert done.code == code, done.err
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1, done.err
        assert "Traceback" not in done.err
        for text in texts:
            assert text in done.err

    def test_a_missing_file(self, run, healthy):
        self.refused(run("ingest", "nosuch.ndjson"), 7, "There is no file nosuch.ndjson")
        self.refused(run("put", "nosuch.png"), 7, "nosuch.png cannot be read: No such file or directory.")
        self.refused(run("query", "-f", "nosuch.sql"), 7, "nosuch.sql cannot be read")

    def test_a_directory(self, run, place, healthy):
        self.refused(run("ingest", place), 7, "is a directory: name the files in it")
        self.refused(run("put", place), 7, "is a directory: name the files in it")

    def test_a_pattern_that_matches_nothing(self, run, healthy):
        self.refused(run("ingest", "*.gz"), 7, "No file matches the pattern '*.gz'")

    def test_no_store(self, run, place, healthy):
        self.refused(run("stats", "--store", "nosuch"), 5, f"There is no store at {place}/nosuch")
        (place / "plain").mkdir()
        (place / "plain" / "file").write_text("x")
        self.refused(run("stats", "--store", "plain"), 6, "plain")
        self.refused(run("ingest", "events.ndjson", "--store", "events.ndjson"), 6, "events.ndjson")

    def test_a_newer_format(self, run, place, healthy):
        import xxhash

        run("ingest", "events.ndjson", "--store", "new.lakebed")
        header = bytearray((place / "new.lakebed/FORMAT").read_bytes())
        header[8:10] = (99).to_bytes(2, "little")
        header[56:64] = xxhash.xxh3_64_intdigest(bytes(header[:56])).to_bytes(8, "little")
        (place / "new.lakebed/FORMAT").write_bytes(header)
        self.refused(run("query", "SELECT 1", "--store", "new.lakebed"), 6, "99")

    def test_a_taken_lock(self, run, place, healthy):
        script = (
            "import lakebed, sys\n"
            "store = lakebed.open('data.lakebed'); store.put(b'held'); print('held', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [PROGRAM.with_name("python"), "-c", script], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            done = run("ingest", "events.ndjson", "--again", LAKEBED_LOCK_TIMEOUT="0.2")
            self.refused(done, 4, str(holder.pid))
            assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 5}], "readers do not wait"
        finally:
            holder.kill()
            holder.communicate()

    def test_a_collection_that_is_not_there(self, run, healthy):
        for arguments in (["export", "evnts"], ["describe", "evnts"], ["train", "evnts"], ["drop", "evnts", "--yes"]):
            self.refused(run(*arguments), 5, "evnts", "events")

    def test_hashes(self, run, healthy):
        self.refused(run("get", "0" * 64), 5, "The store has no blob")
        self.refused(run("get", "xyz"), 2, "xyz", "hex")
        self.refused(run("delete", "0" * 64), 5)

    def test_settings(self, run, place, healthy):
        (place / "lakebed.toml").write_text("colour = 'never'")
        self.refused(run("stats"), 2, "lakebed.toml: there is no setting 'colour'; did you mean 'color'?")
        (place / "lakebed.toml").unlink()
        self.refused(run("stats", "--store", ""), 2, "--store: the setting 'store' cannot be ''")
        self.refused(run("stats", LAKEBED_ROWS="many"), 2, "$LAKEBED_ROWS: the setting 'rows' cannot be 'many'")

    def test_somewhere_to_write_that_is_not_there(self, run, healthy):
        self.refused(run("query", "FROM events", "-o", "no/such/out.csv"), 7, "no/such/out.csv cannot be written")
        self.refused(run("export", "events", "no/such/out.ndjson"), 7, "no/such")


def test_only_one_file_is_followed_by_one_command(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.ndjson").write_text('{"x": 1}\n')
    command = [str(PROGRAM), "--store", "s.lakebed", "ingest", "--follow", "--into", "t", "a.ndjson", "b.ndjson"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "Only one file can be followed by one command" in done.stderr
    assert not (tmp_path / "s.lakebed").exists()

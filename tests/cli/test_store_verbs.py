"""The verbs for blobs and for the upkeep of a store."""

from __future__ import annotations

import random


def store_size(place):
    """Bytes of all files of the store."""
    return sum(file.stat().st_size for file in (place / "data.lakebed").rglob("*") if file.is_file())


class TestBlobs:
    def test_put_lists_files_and_get_gives_their_bytes(self, run, place):
        picture = bytes(range(256)) * 4
        (place / "a.png").write_bytes(picture)
        (place / "b.txt").write_text("text")
        rows = run("put", "a.png", "b.txt", "--into", "photos").rows
        assert [(row["name"], row["media_type"], row["size"]) for row in rows] == [
            ("a.png", "image/png", 1024),
            ("b.txt", "text/plain", 4),
        ]
        assert run("query", "SELECT name, media_type, size, hash FROM photos ORDER BY _seq").rows == rows
        assert run("get", rows[0]["hash"]).out == picture
        assert run("get", rows[0]["hash"][:12], "-o", "copy.png").out == b""
        assert (place / "copy.png").read_bytes() == picture
        assert run("query", f"SELECT octet_length(data) AS n FROM blobs WHERE hash = '{rows[0]['hash']}'").rows == [
            {"n": 1024}
        ]

    def test_put_from_standard_input(self, run):
        (row,) = run("put", "-", "--name", "x.bin", "--type", "a/b", stdin=b"\0\1").rows
        assert (row["name"], row["media_type"], row["size"]) == ("x.bin", "a/b", 2)
        assert run("get", row["hash"]).out == b"\0\1"

    def test_put_stores_all_files_or_none(self, run, place):
        (place / "a.txt").write_text("a")
        assert run("put", "a.txt", "nosuch.txt").code == 7
        assert not (place / "data.lakebed").exists()

    def test_a_put_survives_the_drop_of_its_list(self, run, place):
        (place / "a.txt").write_text("a")
        (row,) = run("put", "a.txt").rows
        assert run("drop", "files", "--yes").rows == [{"collection": "files", "rows": 1}]
        assert run("get", row["hash"]).out == b"a"

    def test_binary_is_kept_from_the_terminal(self, run, on_terminal, place):
        (place / "a.bin").write_bytes(b"\0\1\2")
        (place / "a.txt").write_text("text\n")
        binary, text = run("put", "a.bin", "a.txt").rows
        done = on_terminal("get", binary["hash"])
        assert (done.code, done.out) == (2, b"")
        assert "3 bytes of binary data" in done.err
        assert on_terminal("get", text["hash"]).text == "text\n"

    def test_delete_removes_the_rows_that_are_the_blob(self, run, store):
        hash = run("query", "SELECT _hash FROM events LIMIT 1").rows[0]["_hash"]
        assert run("delete", hash[:16]).rows == [{"hash": hash, "rows": 2}]
        assert run("query", "SELECT count(*) AS n FROM events").rows == [{"n": 3}]
        assert run("get", hash).code == 5

    def test_delete_removes_all_or_none(self, run, store):
        hash = run("query", "SELECT _hash FROM events LIMIT 1").rows[0]["_hash"]
        assert run("delete", hash, "0" * 64).code == 5
        assert run("get", hash).code == 0


class TestUpkeep:
    def test_export_gives_back_the_very_bytes(self, run, store, place):
        assert run("export", "events").out == store.read_bytes()
        done = run("export", "events", "copy.ndjson")
        assert (place / "copy.ndjson").read_bytes() == store.read_bytes()
        assert (done.rows[0]["rows"], done.rows[0]["bytes"]) == (5, len(store.read_bytes()))

    def test_drop_asks_on_a_terminal(self, run, on_terminal, store):
        done = run("drop", "events")
        assert (done.code, done.err) == (
            2,
            "error: Dropping 'events' and its 5 rows needs --yes without a terminal.\n",
        )
        assert on_terminal("drop", "events", typed=b"n\n").code == 1
        assert len(run("collections").rows) == 1
        done = on_terminal("drop", "events", typed=b"y\n")
        assert "Drop 'events' and its 5 rows? [y/N]" in done.text
        assert run("collections").rows == []

    def test_trim(self, run, store):
        assert run("trim", "events", "--before-seq", "2").rows == [{"collection": "events", "rows": 2}]
        assert run("query", "SELECT min(_seq) AS n FROM events").rows == [{"n": 2}]

    def test_compact(self, run, store, on_terminal, place):
        secret = b'{"secret": "' + random.Random(1).randbytes(2000).hex().encode() + b'"}'
        (place / "private.ndjson").write_bytes(secret + b"\n")
        (place / "secret.bin").write_bytes(random.Random(2).randbytes(5000))
        run("ingest", "private.ndjson")
        (put,) = run("put", "secret.bin").rows
        run("drop", "private", "--yes")
        run("drop", "files", "--yes")
        run("delete", put["hash"])
        size = store_size(place)
        (report,) = run("compact", "--dry-run").rows
        assert report["dry_run"]
        assert store_size(place) == size
        (report,) = run("compact").rows
        assert (report["removed_blobs"], report["held_bytes"]) == (3, 0)
        data = b"".join(file.read_bytes() for file in (place / "data.lakebed").rglob("*") if file.is_file())
        assert random.Random(2).randbytes(5000)[:64] not in data
        assert run("export", "events").out == store.read_bytes()
        assert run("verify").code == 0
        assert on_terminal("compact").text.startswith("nothing to do: 1 segment, ")
        assert on_terminal("compact", "--level", "9").text.startswith("compacted: ")
        assert run("compact", "--level", "23").code == 2
        assert run("export", "events").out == store.read_bytes()

    def test_compact_to_columns_and_back(self, run, store, on_terminal, place):
        lines = "".join(f'{{"n": {n}, "text": "line {n % 50}"}}\n' for n in range(1000))
        (place / "lines.ndjson").write_text(lines)
        run("ingest", "lines.ndjson")
        shown = on_terminal("compact", "--layout", "columns").text
        assert "events stays rows in segment 1: it has only 4 rows here." in shown
        assert list((place / "data.lakebed" / "segments").glob("*.parquet"))
        assert run("export", "lines").out == lines.encode()
        assert run("query", "SELECT count(*) AS n, sum(n) AS sum FROM lines WHERE text = 'line 7'").rows == [
            {"n": 20, "sum": sum(range(7, 1000, 50))}
        ]
        assert run("verify").code == 0
        run("compact", "lines", "--layout", "rows")
        assert not list((place / "data.lakebed" / "segments").glob("*.parquet"))
        assert run("export", "lines").out == lines.encode()
        assert run("compact", "--layout", "other").code == 2

    def test_compact_by_itself(self, run, store, place):
        for n in range(20):
            (place / f"noise-{n}.bin").write_bytes(random.Random(n).randbytes(20_000))
        puts = run("put", *(f"noise-{n}.bin" for n in range(20))).rows
        size = store_size(place)
        settings = {"LAKEBED_COMPACT": "automatic", "LAKEBED_COMPACT_BYTES": "200000"}
        assert "compacted" not in run("trim", "events", "--before-seq", "1", **settings).err
        assert store_size(place) > size - 1000
        done = run("delete", *(put["hash"] for put in puts), LAKEBED_COMPACT="automatic")
        assert (done.code, "compacted" in done.err) == (0, False), "less than the 64 MiB of the default"
        done = run("trim", "events", "--before-seq", "2", **settings)
        assert (done.code, "compacted: " in done.err) == (0, True)
        assert store_size(place) < size - 350_000
        assert run("query", "SELECT min(_seq) AS n FROM events").rows == [{"n": 2}]

    def test_seal_and_verify(self, run, store, on_terminal):
        assert run("seal").rows == [{"segments": 1}]
        (report,) = run("verify").rows
        assert (report["ok"], report["rows"]) == (True, 5)
        assert on_terminal("verify").text.startswith("whole: ")

    def test_verify_ends_with_6_when_something_is_damaged(self, run, store, place):
        run("seal")
        (segment,) = (place / "data.lakebed/segments").iterdir()
        data = bytearray(segment.read_bytes())
        data[100] ^= 1
        segment.write_bytes(data)
        done = run("verify")
        assert done.code == 6
        report, *problems = done.rows
        assert (report["ok"], report["problems"]) == (False, len(problems))
        assert {problem["kind"] for problem in problems} <= {"group", "frame", "row_batch", "index", "footer"}
        assert all(problem["segment"] == 1 for problem in problems)

    def test_verify_checks_what_is_newer_or_samples(self, run, store, place):
        whole, quick = run("verify").rows[0], run("verify", "--quick").rows[0]
        assert quick["ok"]
        assert quick["frames"] <= whole["frames"]
        commits = whole["commits"]
        assert run("verify", "--since", str(commits)).rows[0]["commits"] == 0
        done = run("verify", "--since", str(commits + 1))
        assert (done.code, "There is no commit" in done.err) == (2, True)

    def test_train(self, run, place):
        lines = b"".join(b'{"id":%d,"text":"the quick brown fox %d jumps"}\n' % (n, n * 7919) for n in range(20000))
        run("ingest", "-", "--into", "foxes", stdin=lines)
        (report,) = run("train", "foxes", "--size", "16384").rows
        assert report["collection"] == "foxes"
        assert report["size"] <= 16384

    def test_stats_describe_collections(self, run, on_terminal, store):
        (report,) = run("stats").rows
        assert (report["rows"], report["collections"]) == (5, 1)
        described = {row["name"]: row["type"] for row in run("describe", "events").rows}
        assert described["at"] == "TIMESTAMP WITH TIME ZONE"
        assert described["n"] == "UBIGINT"
        assert described["_seq"] == "BIGINT"
        assert run("query", "DESCRIBE events").code == 0
        assert "5 rows in 1 collection" in on_terminal("stats").text
        assert "│ events" in on_terminal("collections").text
        assert run("collections", "--format", "csv").text.startswith("name,rows,")

    def test_types_are_the_same_in_describe_and_in_sql(self, run, store):
        described = {row["name"]: row["type"] for row in run("describe", "events").rows}
        sql = {row["column_name"]: row["column_type"] for row in run("query", "DESCRIBE events").rows}
        assert {name: kind.replace('"', "") for name, kind in described.items()} == {
            name: kind.replace('"', "") for name, kind in sql.items()
        }

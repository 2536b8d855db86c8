"""What the extension's functions see while stores change: newer commits, other columns, stores that go and come
back."""

from __future__ import annotations

import shutil
import threading
import time

import duckdb
import pytest

import lakebed
from tests.duck.extended import extended, rows, scan


@pytest.fixture
def con():
    with extended() as connection:
        yield connection


def test_each_query_sees_the_newest_commit_and_one_of_them(con, tmp_path):
    path = tmp_path / "grows.lakebed"
    with lakebed.open(path) as store:
        store.append("grows", [{"n": 0}])
        store.commit()
        count = f"SELECT count(*) FROM {scan(path, '', 'grows')}"
        con.execute(f"PREPARE counted AS {count}")
        for number in range(1, 30):
            store.append("grows", [{"n": number}])
            store.commit()
            assert rows(con, count) == [(number + 1,)]
            assert rows(con, "EXECUTE counted") == [(number + 1,)]
        done = threading.Event()

        def write():
            while not done.is_set():
                store.append("grows", [{"n": -1}])
                store.commit()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(50):
                a, b, c = rows(
                    con, f"SELECT ({count}), ({count} WHERE n < 99), (SELECT rows FROM lakebed_collections('{path}'))"
                )[0]
                assert a == b == c
        finally:
            done.set()
            writer.join()


def test_a_store_in_which_nothing_happened_for_a_while_is_seen_to_change(con, tmp_path):
    path = tmp_path / "quiet.lakebed"
    count = f"SELECT count(*) FROM {scan(path, '', 'grows')}"
    written = 0

    def write(*, seal):
        nonlocal written
        with lakebed.open(path) as store:
            store.append("grows", [{"n": written}])
            if seal:
                store.seal()
        written += 1

    write(seal=True)
    con.execute(f"PREPARE counted AS {count}")
    for seal in (False, True, True):
        # Longer than the times of directories are trusted not to be the same by chance.
        time.sleep(3.2)
        for _ in range(3):
            assert rows(con, count) == rows(con, "EXECUTE counted") == [(written,)]
        write(seal=seal)
        assert rows(con, "EXECUTE counted") == rows(con, count) == [(written,)]
        # And again at once, while the times are fresh.
        for again in (False, True, False):
            write(seal=again)
            assert rows(con, "EXECUTE counted") == rows(con, count) == [(written,)]
            assert rows(con, count) == [(written,)]
        write(seal=True)
        assert rows(con, count) == [(written,)]


def test_columns_are_those_of_the_newest_commit(con, tmp_path):
    path = tmp_path / "columns.lakebed"

    def columns(rest="", collection="things"):
        described = con.execute(f"DESCRIBE FROM {scan(path, rest, collection)}").fetchall()
        return {name: kind for name, kind, *_ in described if not name.startswith("_")}

    with lakebed.open(path) as store:
        for _round in range(2):
            store.append("things", [{"n": 1}])
            store.append("others", [{"n": "a", "only": True}])
            store.commit()
            for _ in range(2):
                assert columns() == {"n": "BIGINT"}
                assert columns("", "others") == {"n": "VARCHAR", "only": "BOOLEAN"}
                assert columns(", columns := {n: 'DOUBLE', late: 'DATE'}") == {"n": "DOUBLE", "late": "DATE"}
                [(newest,)] = rows(con, f"SELECT max(number) FROM lakebed_commits('{path}')")
                assert columns(", after_seq := 0") == columns(f", snapshot := {newest}") == {"n": "BIGINT"}
            con.execute(f"PREPARE kept AS SELECT * EXCLUDE (_hash, _ingested_at) FROM {scan(path)}")
            store.append("things", [{"n": 1.5, "new": [1]}])
            store.commit()
            assert columns() == {"n": "DOUBLE", "new": "BIGINT[]"}
            assert rows(con, f"SELECT n, new FROM {scan(path)} ORDER BY _seq") == [(1.0, None), (1.5, [1])]
            try:
                assert len(rows(con, "EXECUTE kept")) == 2
            except duckdb.Error as error:
                # DuckDB does not plan it anew; the rows are not given under columns they do not have.
                assert "prepare it again" in str(error)  # noqa: PT017
            # The same name, other columns: the next round has the first ones again.
            store.drop("things")
            store.drop("others")
            store.append("things", [{"text": "x"}])
            store.commit()
            assert columns() == {"text": "VARCHAR"}
            with pytest.raises(duckdb.Error, match='no collection "others"'):
                columns("", "others")
            store.drop("things")


def test_numbers_of_rows_alone_are_those_of_the_rows(con, tmp_path):
    path = tmp_path / "numbers.lakebed"
    records = [{"n": n} for n in range(10_000)]
    with lakebed.open(path) as store:
        store.append("things", records)
        store.seal()
        store.append("things", records[:3000])
        gone = con.execute("SELECT lakebed_hash(?::BLOB)", [b'{"n":2047}']).fetchone()[0]
        store.commit()
        store.delete(gone)
        store.commit()
    for rest in (
        "",
        ", after_seq := 2046",
        ", after_seq := 4000, before_seq := 4100",
        ", before_seq := 1",
        ", after_seq := 99999",
    ):
        for threads in (1, 4):
            con.execute(f"SET threads = {threads}")
            with_records = rows(con, f"SELECT _seq, n FROM {scan(path, rest)} ORDER BY _seq")
            assert rows(con, f"SELECT _seq FROM {scan(path, rest)} ORDER BY _seq") == [
                (seq,) for seq, _ in with_records
            ]
            assert rows(con, f"SELECT count(*) FROM {scan(path, rest)}") == [(len(with_records),)]
            assert rows(
                con, f"SELECT count(*), min(_seq), max(_seq), sum(_seq) FROM {scan(path, rest)} WHERE _seq % 3 = 0"
            ) == rows(
                con, f"SELECT count(n), min(_seq), max(_seq), sum(_seq) FROM {scan(path, rest)} WHERE _seq % 3 = 0"
            )


def test_a_store_restored_from_a_backup_is_the_one_restored(con, tmp_path):
    path, backup = tmp_path / "now.lakebed", tmp_path / "backup.lakebed"

    def add(name):
        with lakebed.open(path) as opened:
            opened.append("things", [{"name": f"{name} number {n}"} for n in range(1000)])

    def names():
        return {name.split()[0] for (name,) in rows(con, f"SELECT name FROM {scan(path)}")}

    add("first")
    shutil.copytree(path, backup)
    add("second")
    assert names() == {"first", "second"}
    shutil.rmtree(path)
    shutil.copytree(backup, path)
    add("third")
    assert names() == {"first", "third"}
    # Into the same directory, as a tool would that copies over what is there.
    for file in sorted(path.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    shutil.copytree(backup, path, dirs_exist_ok=True)
    add("other")
    assert names() == {"first", "other"}

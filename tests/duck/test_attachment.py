"""What holds for the views of a store, shown with a store of plain tables (tests/duck/test_store.py uses real ones)."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import duckdb
import pyarrow as pa
import pytest

from lakebed._sql_text import quoted
from lakebed.duck.attachment import Attachment, attachments
from lakebed.duck.table_scan import has_pushdown
from tests.duck.fake import FakeStore, FakeTable, collection

needs_pushdown = pytest.mark.skipif(not has_pushdown(), reason="this DuckDB offers no pushdown to Python objects")


def rows(connection, sql, *parameters):
    return connection.execute(sql, list(parameters)).fetchall()


def test_cursors_see_the_views_when_every_python_name_is_gone(con):
    def inner():
        Attachment("data", FakeStore(events=collection(a=[1, 2, 3]))).install(con.cursor())

    inner()
    gc.collect()
    assert rows(con, "SELECT sum(a) FROM data.events") == [(6,)]
    assert rows(con.cursor(), "SELECT sum(a) FROM data.main.events") == [(6,)]
    assert rows(con.cursor(), "SELECT count(*) FROM data.sys.blobs") == [(2,)]


def test_nothing_is_written_to_the_users_database(tmp_path):
    path = tmp_path / "own.db"
    with duckdb.connect(path) as own:
        own.execute("CREATE TABLE t AS SELECT 1 AS x")
    before = path.read_bytes()
    with duckdb.connect(path, read_only=True) as own:
        Attachment("data", FakeStore(events=collection(a=[1]))).install(own)
        assert rows(own, "SELECT x, a FROM t, data.events") == [(1, 1)]
    assert path.read_bytes() == before
    with duckdb.connect(path) as own:
        Attachment("data", FakeStore(events=collection(a=[1]))).install(own)
        own.execute("CREATE TABLE copied AS SELECT * FROM data.events")
    with duckdb.connect(path) as own:
        assert rows(own, "SELECT database_name, table_name FROM duckdb_tables() ORDER BY 2") == [
            ("own", "copied"),
            ("own", "t"),
        ]
        assert rows(own, "SELECT count(*) FROM duckdb_views() WHERE NOT internal") == [(0,)]


NAMES = ["a.b", "a-b", "a b", 'a"b', "a'b", "select", "Order", "UPPER", "ünïcödé", "main", "sys", "data", "1x", "x" * 300, "line\nbreak",
         "%s", ";", "--", "$1", "{}", "information_schema", "duckdb_tables", "🪨"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_for_collections_and_columns(con, attached, name):
    attached(FakeStore(**{name: collection(**{name: [1, 2]})}))
    view = quoted(name)
    assert rows(con, f"SELECT {view} FROM data.{view} WHERE {view} = 2") == [(2,)]
    assert rows(con, f"SELECT {view}, _seq FROM data.main.{view} ORDER BY 1") == [(1, 0), (2, 1)]


@pytest.mark.parametrize("name", ["my store", "a.b", "select", 'q"q', "Data"])
def test_any_name_works_for_the_catalogue(con, attached, name):
    attached(FakeStore(events=collection(a=[1])), name=name)
    assert rows(con, f"SELECT a FROM {quoted(name)}.events") == [(1,)]
    assert rows(con, f"SELECT count(*) FROM {quoted(name)}.sys.blobs") == [(2,)]


def test_collections_that_differ_only_in_case_get_views_of_their_own(con, attached):
    attached(FakeStore(Events=collection(a=[1]), events=collection(a=[2]), events_2=collection(a=[3])))
    assert rows(con, "SELECT a FROM data.events") == [(1,)]
    assert rows(con, "SELECT a FROM data.events_2") == [(3,)]
    assert rows(con, "SELECT a FROM data.events_3") == [(2,)]


def test_views_show_typed_columns_before_system_columns(con, attached):
    attached(FakeStore(events=collection(b=["x"], a=[1])))
    assert [row[0] for row in rows(con, "DESCRIBE data.events")] == ["b", "a", "_seq", "_hash"]


def test_refresh_brings_new_collections_and_new_columns_and_takes_dropped_ones(con, attached):
    store = FakeStore(events=collection(a=[1]), gone=collection(a=[1]))
    attachment = attached(store)
    assert attachment.refresh(con) is False
    store.change(events=collection(a=[1], b=["x"]), gone=None, fresh=collection(c=[1]))
    assert rows(con, "SELECT count(*) FROM data.gone") == [(1,)]
    assert attachment.refresh(con) is True
    assert rows(con, "SELECT a, b, c FROM data.events, data.fresh") == [(1, "x", 1)]
    with pytest.raises(duckdb.CatalogException, match="gone"):
        rows(con, "SELECT * FROM data.gone")


def test_refresh_works_from_any_cursor_and_during_a_transaction_of_the_user(con, attached):
    store = FakeStore(events=collection(a=[1]))
    attached(store)
    con.execute("BEGIN")
    con.execute("CREATE TABLE own AS SELECT * FROM data.events")
    store.change(events=collection(a=[1, 2]))
    (found,) = attachments(con.cursor())
    assert found.refresh(con) is True
    if has_pushdown():
        assert rows(con, "SELECT count(*) FROM data.events") == [(1,)], (
            "a transaction stays at the commit it began with"
        )
    con.execute("COMMIT")
    assert rows(con, "SELECT count(*) FROM data.events") == [(2,)]


@needs_pushdown
def test_a_query_sees_one_commit_in_all_collections_while_another_thread_refreshes(con, attached):
    store = FakeStore(x=collection(a=[0]), y=collection(a=[0]))
    attachment = attached(store)
    torn, failed, stop = [], [], threading.Event()

    def read():
        cursor = con.cursor()
        while not stop.is_set():
            try:
                (counts,) = rows(cursor, "SELECT (SELECT count(*) FROM data.x), (SELECT count(*) FROM data.y)")
            except duckdb.Error as error:
                failed.append(error)
                return
            if counts[0] != counts[1]:
                torn.append(counts)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for count in range(2, 42):
        store.change(x=collection(a=[0] * count), y=collection(a=[0] * count))
        attachment.refresh(con)
    stop.set()
    for reader in readers:
        reader.join()
    assert (torn, failed) == ([], [])


def test_a_prepared_statement_follows_refresh(con, attached):
    store = FakeStore(events=collection(a=[1, 2]))
    attachment = attached(store)
    con.execute("PREPARE p AS SELECT a FROM data.events WHERE a = ?")
    assert rows(con, "EXECUTE p(3)") == []
    store.change(events=collection(a=[1, 2, 3]))
    attachment.refresh(con)
    assert rows(con, "EXECUTE p(3)") == [(3,)]
    assert rows(con, "EXECUTE p(1)") == [(1,)]


@needs_pushdown
def test_what_no_transaction_sees_any_more_is_let_go(con, attached):
    store = FakeStore(events=FakeTable(collection(a=[1])))
    attachment = attached(store)
    first = weakref.ref(store.tables["events"])
    reader = con.cursor()
    reader.execute("BEGIN")
    rows(reader, "SELECT * FROM data.events")
    store.change(events=FakeTable(collection(a=[2])))
    store.tables_read.clear()
    attachment.refresh(con)
    gc.collect()
    assert first() is not None
    assert rows(reader, "SELECT a FROM data.events") == [(1,)]
    reader.execute("COMMIT")
    store.change()
    store.tables["more"] = collection(a=[1])
    attachment.refresh(con)
    store.tables_read.clear()
    gc.collect()
    assert first() is None


@pytest.mark.parametrize("end", ["DETACH data", None])
def test_detaching_or_closing_lets_the_store_go(end):
    own = duckdb.connect()
    store = FakeStore(events=collection(a=[1]))
    gone = weakref.ref(store)
    Attachment("data", store).install(own)
    cursor = own.cursor()
    del store
    gc.collect()
    assert gone() is not None
    assert rows(cursor, "SELECT a FROM data.events") == [(1,)]
    if end:
        cursor.execute(end)
        assert attachments(own) == []
    cursor.close()
    own.close()
    gc.collect()
    assert gone() is None


def test_an_error_in_the_middle_of_a_scan_reaches_the_user(con, attached):
    attached(FakeStore(events=FakeTable(collection(a=list(range(1000))), fail_after=3), fine=collection(a=[1])))
    with pytest.raises(duckdb.Error, match=r"Segment 7 is damaged at offset 4096: run `lakebed verify`\."):
        rows(con, "SELECT sum(a) FROM data.events")
    assert rows(con, "SELECT a FROM data.fine") == [(1,)]


def test_two_stores_side_by_side(con, attached):
    one, two = FakeStore(events=collection(a=[1])), FakeStore("/other", events=collection(a=[2]))
    attached(one, "one")
    attached(two, "two")
    two.change(events=collection(a=[3]))
    assert [attachment.refresh(con) for attachment in attachments(con)] == [False, True]
    assert rows(con, "SELECT x.a, y.a FROM one.events x, two.events y") == [(1, 3)]


def test_refreshing_while_other_threads_query_ends(con, attached):
    store = FakeStore(x=collection(a=[0]))
    attachment = attached(store)
    failed, stop = [], threading.Event()

    def read():
        cursor = con.cursor()
        while not stop.is_set():
            try:
                rows(cursor, "SELECT * FROM data.x")
            except duckdb.Error as error:
                failed.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for count in range(2, 102):
        store.change(x=collection(a=[0] * count), **{f"new{count % 7}": collection(a=[count])})
        attachment.refresh(con)
    stop.set()
    for reader in readers:
        reader.join()
    assert failed == []


@needs_pushdown
def test_a_scan_that_finds_nothing_can_be_interrupted(con, attached):
    attached(FakeStore(events=FakeTable(collection(a=list(range(3000))), seconds_a_batch=0.05, batch_rows=10)))
    threading.Timer(0.3, con.interrupt).start()
    began = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        rows(con, "SELECT count(*) FROM data.events WHERE a = -1")
    assert time.monotonic() - began < 3
    assert rows(con, "SELECT 1") == [(1,)]


@needs_pushdown
class TestPushdown:
    @pytest.fixture
    def ask(self, con, attached):
        table = collection(
            a=[1, 2, None, 4],
            b=["x", "y", "z", None],
            f=[1.0, 2.0, -0.0, 4.0],
            s=[{"k": 1}, None, {"k": 3}, {"k": 4}],
            t=[True, False, None, True],
        )
        store = FakeStore(events=table)
        attached(store)

        def ask(sql):
            store.tables_read["events"].requests.clear()
            answer = rows(con, sql)
            return answer, list(store.tables_read["events"].requests)

        return ask

    def test_only_the_columns_of_the_query_are_read(self, ask):
        answer, asked = ask("SELECT b FROM data.events")
        assert len(answer) == 4
        assert [sorted(columns) for columns, _ in asked] == [["_seq", "b"]]

    def test_counting_reads_sequence_numbers_only(self, ask):
        assert ask("SELECT count(*) FROM data.events") == ([(4,)], [(["_seq"], [])])

    @pytest.mark.parametrize(
        ("predicate", "filters", "answer"),
        [
            ("a = 2", [("a", "=", 2)], [1]),
            ("2 < a", [("a", ">", 2)], [3]),
            ("a <> 2", [("a", "!=", 2)], [0, 3]),
            ("a BETWEEN 1 AND 2", [("a", ">=", 1), ("a", "<=", 2)], [0, 1]),
            ("a IN (1, 4)", [("a", "in", [1, 4])], [0, 3]),
            ("b = 'x' AND a = 1", [("a", "=", 1), ("b", "=", "x")], [0]),
            ("b IS NULL", [("b", "is_null", None)], [3]),
            ("s IS NOT NULL", [("s", "is_not_null", None)], [0, 2, 3]),
            ("_hash = '" + "0" * 63 + "1'", [("_hash", "=", "0" * 63 + "1")], [1]),
            ("_seq >= 2", [("_seq", ">=", 2)], [2, 3]),
            ("f = 0", [("f", "=", 0.0)], [2]),
            ("t", None, [0, 3]),
            ("s.k = 3", [], [2]),
            ("a = 1 OR b = 'y'", [], [0, 1]),
            ("b LIKE 'x%'", [], [0]),
            ("a + 1 = 3", None, [1]),
            ("f < 'nan'::DOUBLE", [], [0, 1, 2, 3]),
            ("NOT (a = 1)", None, [1, 3]),
        ],
    )
    def test_exact_predicates_go_to_the_source_and_the_rest_stays(self, ask, predicate, filters, answer):
        found, asked = ask(f"SELECT _seq FROM data.events WHERE {predicate} ORDER BY 1")
        assert [row[0] for row in found] == answer
        if filters is not None:
            assert [sorted(taken) for _, taken in asked] == [sorted(filters)]


def test_types_of_arrow_arrive_as_types_of_duckdb(con, attached):
    table = pa.table(
        {
            "json": pa.array(['{"k":  1e2}']),
            "huge": pa.array([(-(2**100)).to_bytes(16, "little", signed=True)], pa.binary(16)),
            "instant": pa.array([1577880000500000], pa.timestamp("us", "UTC")),
            "wall": pa.array([1577880000500000], pa.timestamp("us")),
            "day": pa.array([18262], pa.date32()),
            "tags": pa.array([["a", None]]),
            "u": pa.array([2**64 - 1], pa.uint64()),
        }
    )
    metadata = {
        "json": {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""},
        "huge": {
            "ARROW:extension:name": "arrow.opaque",
            "ARROW:extension:metadata": '{"type_name":"hugeint","vendor_name":"DuckDB"}',
        },
    }
    table = table.cast(pa.schema([f.with_metadata(metadata.get(f.name)) for f in table.schema]))
    attached(FakeStore(events=table))
    types = dict(row[:2] for row in rows(con, "DESCRIBE data.events"))
    assert types == {
        "json": "JSON",
        "huge": "HUGEINT",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "wall": "TIMESTAMP",
        "day": "DATE",
        "tags": "VARCHAR[]",
        "u": "UBIGINT",
    }
    assert rows(
        con, "SELECT json::VARCHAR, huge, epoch_us(instant), wall::VARCHAR, day::VARCHAR, tags, u FROM data.events"
    ) == [('{"k":  1e2}', -(2**100), 1577880000500000, "2020-01-01 12:00:00.5", "2020-01-01", ["a", None], 2**64 - 1)]
    assert rows(
        con, "SELECT count(*) FROM data.events WHERE huge < 0 AND instant > '2019-01-01' AND json IS NOT NULL"
    ) == [(1,)]

"""append, scan, trim, drop, and what tables become."""

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lakebed


def data(store, collection="rows", *range):
    return [row.data for row in store.scan(collection, *range)]


def test_rows_keep_their_order_and_their_bytes(store):
    report = store.append("rows", [b'{ "a" : 1 }', '"é"', {"a": 1}, [1, 2], 3, None, True, 1.5, b"\t7"])
    assert data(store) == [b'{ "a" : 1 }', '"é"'.encode(), b'{"a":1}', b"[1,2]", b"3", b"null", b"true", b"1.5", b"\t7"]
    assert (report.collection, report.rows, report.new_blobs, report.duplicates, report.first_seq) == (
        "rows",
        9,
        9,
        0,
        0,
    )
    assert report.bytes == sum(map(len, data(store)))


def test_equal_rows_share_a_blob(store):
    store.append("rows", [b"1", b"2", b"1"])
    report = store.append("rows", [b"2", b"3"])
    assert (report.new_blobs, report.duplicates, report.first_seq) == (1, 1, 3)
    rows = list(store.scan("rows"))
    assert [row.seq for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0].blob == rows[2].blob != rows[1].blob
    assert len(store) == 3


def test_what_a_row_tells(store):
    before = datetime.now(UTC)
    store.append("rows", [{"a": [1, None]}])
    (row,) = store.scan("rows")
    assert (row.seq, row.data, row.file, row.line) == (0, b'{"a":[1,null]}', None, None)
    assert row.hash == lakebed.Hash.of(row.data)
    assert store.get(row.hash) == row.data
    assert row.json() == {"a": [1, None]}
    assert before - timedelta(seconds=1) <= row.ingested_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert row.ingested_at.tzinfo is UTC
    assert repr(row) == "Row(seq=0, data=b'{\"a\":[1,null]}')"


def test_one_record_need_not_be_in_a_list(store):
    for record in (b"1", "2", {"a": 3}, bytearray(b"4"), memoryview(b"5")):
        store.append("rows", record)
    assert data(store) == [b"1", b"2", b'{"a":3}', b"4", b"5"]


def test_generators_are_read_as_they_go(store):
    store.append("rows", ({"n": number} for number in range(20_000)))
    assert len(data(store)) == 20_000
    assert data(store)[12_345] == b'{"n":12345}'


def test_a_range_of_rows(store):
    store.append("rows", range(2000))
    assert data(store, "rows", 1990) == [str(number).encode() for number in range(1990, 2000)]
    assert data(store, "rows", 5, 7) == [b"5", b"6"]
    assert data(store, "rows", 7, 5) == []
    assert data(store, "rows", 5000) == []


def test_a_scan_shows_the_collection_as_it_was(store):
    store.append("rows", [b"1", b"2"])
    rows = store.scan("rows")
    store.append("rows", [b"3"])
    assert [row.data for row in rows] == [b"1", b"2"]
    assert next(rows, None) is None


def test_nothing_appended(store):
    report = store.append("rows", [])
    assert (report.rows, report.first_seq) == (0, None)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"nope",
        b'{"a":1}{"b":2}',
        b'{\n"a":1}',
        b"1\n",
        b"\xff",
        b'"\xff"',
        b"01",
        b"NaN",
        "\ud800",
        {"a": math.inf},
        {"a": object()},
        b"[" * 2000,
    ],
)
def test_one_bad_record_and_nothing_of_the_call_is_kept(store, record):
    store.append("rows", [b"1"])
    with pytest.raises(lakebed.BadRecord):
        store.append("rows", [b"2", record, b"3"])
    assert data(store) == [b"1"]
    store.append("rows", [b"4"])
    assert data(store) == [b"1", b"4"]


def test_a_bad_record_far_into_a_stream(store):
    store.append("rows", [b"1"])
    with pytest.raises(lakebed.BadRecord):
        store.append("rows", (b"{" if number == 15_000 else str(number).encode() for number in range(20_000)))
    assert data(store) == [b"1"]


@pytest.mark.parametrize("before", [0, 100, 10_000])
def test_an_exception_of_the_iterable_comes_through_and_nothing_is_kept(store, before):
    def rows():
        yield from range(before)
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        store.append("rows", rows())
    assert "rows" not in [info.name for info in store.collections()] or data(store) == []
    store.append("rows", [b"1"])
    assert data(store) == [b"1"]


def test_what_is_no_iterable_is_a_type_error(store):
    with pytest.raises(TypeError, match="not int"):
        store.append("rows", 5)


@pytest.mark.parametrize("name", ["a.b", "with space", 'quo"te', "SELECT", "Größe", "日本", "x" * 500, "a/b", ".."])
def test_names_of_collections(store, path, name):
    store.append(name, [b"1"])
    store.commit()
    with lakebed.open(path, "r") as other:
        assert [info.name for info in other.collections()] == [name]
        assert data(other, name) == [b"1"]


@pytest.mark.parametrize("name", ["", "x" * 2000])
def test_names_that_are_refused(store, name):
    with pytest.raises(lakebed.InvalidArgument):
        store.append(name, [b"1"])


def test_absent_collections(store):
    for call in (
        store.scan,
        store.drop,
        store.schema,
        store.arrow,
        store.train,
        lambda name: store.trim(name, before_seq=1),
    ):
        with pytest.raises(lakebed.CollectionNotFound, match="nosuch"):
            call("nosuch")
        with pytest.raises(KeyError):
            call("nosuch")


def test_trimming(store):
    store.append("rows", [b"1", b"2", b"3"])
    assert store.trim("rows", before_seq=2) == 2
    assert [(row.seq, row.data) for row in store.scan("rows")] == [(2, b"3")]
    assert store.trim("rows", before_seq=2) == 0
    (info,) = store.collections()
    assert (info.rows, info.first_seq, info.next_seq) == (1, 2, 3)
    store.append("rows", [b"4"])
    assert [row.seq for row in store.scan("rows")] == [2, 3]
    with pytest.raises(lakebed.InvalidArgument):
        store.trim("rows", before_seq=-1)


def test_dropping(store):
    store.append("rows", [b"1", b"2"])
    pinned = store.put(b"1")
    (old,) = store.collections()
    assert store.drop("rows") == 2
    assert list(store.collections()) == []
    assert store.get(pinned) == b"1"
    store.append("rows", [b"5"])
    (new,) = store.collections()
    assert new.id != old.id
    assert [row.seq for row in store.scan("rows")] == [0]


# ---
# Tables ---------------------------------------------------------------------------------------------------------------

COLUMNS = {
    "flag": pa.array([True, None]),
    "tiny": pa.array([-128, 127], pa.int8()),
    "whole": pa.array([2**63 - 1, -(2**63)], pa.int64()),
    "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
    "single": pa.array([0.1, None], pa.float32()),
    "double": pa.array([1e300, 0.1]),
    "decimal": pa.array([Decimal("12345678901234567890.12"), None], pa.decimal128(38, 2)),
    "text": pa.array(['say "hi"\n', "é\U0001f600\\"]),
    "large_text": pa.array(["a", None], pa.large_string()),
    "view": pa.array(["a" * 20, "b"], pa.string_view()),
    "binary": pa.array([b"\x00\xff\x10", b"ab"]),
    "date": pa.array([date(2024, 2, 29), date(1, 1, 1)]),
    "time": pa.array([time(1, 2, 3, 400_000), time(0, 0)], pa.time64("us")),
    "naive": pa.array([datetime(2024, 2, 29, 12, 30, 0, 123_456), datetime(2024, 1, 1)], pa.timestamp("us")),
    "nanos": pa.array([1, 0], pa.timestamp("ns")),
    "zoned": pa.array([datetime(2024, 2, 29, 12, tzinfo=UTC), None], pa.timestamp("s", "Europe/Zurich")),
    "took": pa.array([timedelta(seconds=3, milliseconds=500), timedelta(days=-1)], pa.duration("ms")),
    "list": pa.array([[1, None], []], pa.list_(pa.int32())),
    "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"x": 1, "y": "z"}, None]),
    "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    "map_int": pa.array([[(7, "v")], []], pa.map_(pa.int64(), pa.string())),
    "category": pa.array(["red", None]).dictionary_encode(),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["same"])),
    "nothing": pa.nulls(2),
}
FIRST = (
    '{"flag":true,"tiny":-128,"whole":9223372036854775807,"unsigned":18446744073709551615,"single":0.1,"double":1e300,'
    '"decimal":12345678901234567890.12,"text":"say \\"hi\\"\\n","large_text":"a","view":"aaaaaaaaaaaaaaaaaaaa","binary":"AP8Q",'
    '"date":"2024-02-29","time":"01:02:03.4","naive":"2024-02-29T12:30:00.123456","nanos":"1970-01-01T00:00:00.000000001",'
    '"zoned":"2024-02-29T12:00:00Z","took":"PT3.5S","list":[1,null],"fixed":[1,2],"struct":{"x":1,"y":"z"},"map":{"k":1},'
    '"map_int":{"7":"v"},"category":"red","runs":"same","nothing":null}'
)
SECOND = (
    '{"flag":null,"tiny":127,"whole":-9223372036854775808,"unsigned":0,"single":null,"double":0.1,"decimal":null,'
    '"text":"é\U0001f600\\\\","large_text":null,"view":"b","binary":"YWI=","date":"0001-01-01","time":"00:00:00",'
    '"naive":"2024-01-01T00:00:00","nanos":"1970-01-01T00:00:00","zoned":null,"took":"PT-86400S","list":[],"fixed":[3,4],'
    '"struct":null,"map":{},"map_int":{},"category":null,"runs":"same","nothing":null}'
)


def test_every_type_of_a_table_has_its_json(store):
    store.append("rows", pa.table(COLUMNS))
    assert [row.decode() for row in data(store)] == [FIRST, SECOND]


def test_a_slice_of_a_table_is_its_rows(store):
    store.append("rows", pa.table(COLUMNS).slice(1, 1))
    assert [row.decode() for row in data(store)] == [SECOND]


def test_nan_is_null_wherever_it_comes_from(store):
    nan = {"x": [1.0, math.nan]}
    with duckdb.connect() as con:
        relation = con.sql("SELECT unnest([1.0, 'nan'::DOUBLE]) AS x")
        for rows in (pa.table(nan), pl.DataFrame(nan), pd.DataFrame(nan), relation, [{"x": 1.0}, {"x": math.nan}]):
            store.append("rows", rows)
    assert data(store) == [b'{"x":1.0}', b'{"x":null}'] * 5


JSON = ['{"v": 12345678901234567.89}', None, "[1.10]"]


def test_json_columns_go_in_as_json(store):
    column = pa.array(JSON, pa.json_())
    store.append("rows", pa.table({"j": column}))
    store.append("rows", pa.table({"s": pa.StructArray.from_arrays([column], ["j"])}))
    store.append("rows", pa.table({"l": pa.ListArray.from_arrays(pa.array([0, 3]), column)}))
    assert [row.decode() for row in data(store)] == [
        *(f'{{"j":{text or "null"}}}' for text in JSON),
        *(f'{{"s":{{"j":{text or "null"}}}}}' for text in JSON),
        f'{{"l":[{JSON[0]},null,{JSON[2]}]}}',
    ]


def test_json_columns_of_relations_go_in_as_json_at_any_depth(store):
    query = """
        SELECT '1.10'::JSON AS j, {'v': '12345678901234567.89'::JSON, 't': '1.10'} AS s, ['2.50'::JSON, NULL] AS l,
          MAP {'k': '3.0'::JSON} AS m, {'a': [{'b': MAP {1: '4.0'::JSON}}]} AS d, ['5.0'::JSON]::JSON[1] AS f,
          union_value(n := '6.0'::JSON) AS u, {'x': 7.10}::VARIANT AS w
    """
    text = (
        '{"j":1.10,"s":{"v":12345678901234567.89,"t":"1.10"},"l":[2.50,null],"m":{"k":3.0},"d":{"a":[{"b":{"1":4.0}}]},'
        '"f":[5.0],"u":6.0,"w":{"x":7.10}}'
    )
    with duckdb.connect() as con:
        store.append("rows", con.sql(query))
        store.append("rows", [{"first": 1}, con.sql(query)])
    assert [row.decode() for row in data(store)] == [text, '{"first":1}', text]


@pytest.mark.parametrize("is_lossless", [False, True])
def test_every_type_of_a_relation_is_exact(store, is_lossless):
    query = """
        SELECT '170141183460469231731687303715884105727'::HUGEINT AS h,
          '340282366920938463463374607431768211455'::UHUGEINT AS u, {'n': ['340282366920938463463374607431768211455'::UHUGEINT]} AS n,
          '123456789012345678901234567890123456789012345'::BIGNUM AS b, '10:00:00+02'::TIMETZ AS tz, '101'::BIT AS bit,
          '8f71f638-d80f-4cb1-9e2f-9c35a3dd5cf7'::UUID AS id, true AS flag, '\\xAA'::BLOB AS bytes
    """
    with duckdb.connect() as con:
        con.execute(f"SET arrow_lossless_conversion = {is_lossless}")
        store.append("rows", con.sql(query))
    assert data(store)[0].decode() == (
        '{"h":170141183460469231731687303715884105727,"u":340282366920938463463374607431768211455,'
        '"n":{"n":[340282366920938463463374607431768211455]},"b":123456789012345678901234567890123456789012345,'
        '"tz":"10:00:00+02","bit":"101","id":"8f71f638-d80f-4cb1-9e2f-9c35a3dd5cf7","flag":true,"bytes":"qg=="}'
    )


def test_what_a_store_gives_it_takes_back(store):
    lines = [b'{"v":1.5,"a":[1.10,"x"],"o":{"d":"?"}}', b'{"v":"s","a":{"k":2},"o":{"d":12345678901234567.89}}']
    store.append("first", lines)
    store.commit()
    store.append("second", store.arrow("first", columns=["v", "a", "o"]))
    assert data(store, "second") == lines
    store.commit()
    with lakebed.connect(store) as con:
        store.append("third", con.sql("SELECT v, a, o FROM first ORDER BY _seq"))
    assert data(store, "third") == lines


def test_text_of_a_json_column_that_is_not_json_is_refused(store):
    with pytest.raises(lakebed.BadRecord, match='Column "j" holds text that is not JSON'):
        store.append("rows", pa.table({"j": pa.array(['1,"k":2'], pa.json_())}))


def test_equal_column_names_are_an_error(store):
    tables = [pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])]
    tables.append(tables[0].slice(0, 0))
    with duckdb.connect() as con:
        tables.append(con.sql("SELECT 1 AS a, 2::UHUGEINT AS a"))
        for table in tables:
            with pytest.raises(lakebed.BadRecord, match='Two columns are named "a"'):
                store.append("rows", table)
    with pytest.raises(ValueError, match="a"):
        store.append("rows", pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert list(store.collections()) == []


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_floats_without_json_are_refused(store, value):
    with pytest.raises(lakebed.BadRecord, match=r"Column \"x\" holds -?inf"):
        store.append("rows", pa.table({"x": [1.0, value]}))
    assert list(store.collections()) == []


def test_dates_beyond_iso_are_refused(store):
    with pytest.raises(lakebed.BadRecord, match="date"):
        store.append("rows", pa.table({"x": pa.array([2**31 - 1], pa.date32())}))


def test_duckdb_relations(store):
    with duckdb.connect() as con:
        relation = con.sql(
            "SELECT range AS n, 'x' || range AS t, [range] AS l, INTERVAL 90 MINUTE AS i FROM range(5000)"
        )
        report = store.append("rows", relation)
    assert report.rows == 5000
    assert data(store)[4999] == b'{"n":4999,"t":"x4999","l":[4999],"i":"PT5400S"}'


def test_a_failing_relation_says_why_and_nothing_is_kept(store):
    with duckdb.connect() as con:
        relation = con.sql("SELECT CASE WHEN range = 4000 THEN error('boom') ELSE 'x' END AS x FROM range(5000)")
        with pytest.raises(Exception, match="boom"):
            store.append("rows", relation)
    assert list(store.collections()) == []


def test_frames(store):
    store.append("pandas", pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    assert data(store, "pandas") == [b'{"a":1,"b":"x"}', b'{"a":2,"b":null}']
    store.append("polars", pl.DataFrame({"a": [1, 2], "b": ["x", None]}))
    assert data(store, "polars") == [b'{"a":1,"b":"x"}', b'{"a":2,"b":null}']


def test_readers_and_mixed_iterables(store):
    table = pa.table({"a": [1, 2]})
    store.append("rows", [{"a": 0}, table, pl.DataFrame({"a": [3]}), b'{"a":4}', table.schema.empty_table()])
    assert data(store) == [b'{"a":0}', b'{"a":1}', b'{"a":2}', b'{"a":3}', b'{"a":4}']
    store.append("more", pa.RecordBatchReader.from_batches(table.schema, (batch for batch in table.to_batches())))
    assert data(store, "more") == [b'{"a":1}', b'{"a":2}']


def test_what_was_appended_from_objects_and_tables_is_the_same_bytes(store):
    rows = [{"a": 1, "b": "é\n", "c": [1.5, None], "d": {"e": True}}]
    store.append("objects", rows)
    store.append("table", pa.Table.from_pylist(rows))
    assert data(store, "objects") == data(store, "table")
    assert len(store) == 1
    assert json.loads(data(store, "table")[0]) == rows[0]

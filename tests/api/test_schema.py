"""Names and types of columns over the life of a collection: what stays, what is declared, what is inferred anew."""

from __future__ import annotations

import json

import pyarrow
import pytest

import lakebed
from tests.backends import HAS_FUNCTIONS, needs_functions


def types(store, collection="t"):
    return {column.name: column.type for column in store.schema(collection).columns if not column.system}


def values(store, column, collection="t"):
    return pyarrow.table(store.arrow(collection, columns=[column])).column(0).to_pylist()


def test_a_name_stays_with_its_key_whatever_comes_later(store, path):
    store.append("t", [{"Amount": 1}])
    store.commit()
    store.append("t", [{"amount": "later"}] * 10)
    assert types(store) == {"Amount": "BIGINT", "amount_1": "VARCHAR"}, "also before the commit"
    store.commit()
    store.append("t", [{"amount_1": True}, [1]])
    store.append("t", [{"value": 5}])
    expected = {
        "Amount": "BIGINT",
        "amount_1": "VARCHAR",
        "amount_1_1": "BOOLEAN",
        "value": "JSON",
        "value_1": "BIGINT",
    }
    assert types(store) == expected
    store.commit()
    store.seal()
    with lakebed.open(path, "r") as reader:
        assert types(reader) == expected
        assert values(reader, "Amount").count(1) == 1


def test_names_given_in_a_call_that_was_rolled_back_are_free_again(store):
    store.append("t", [{"Amount": 1}])
    store.rollback()
    store.append("t", [{"amount": 1}])
    store.commit()
    store.append("t", [{"Amount": 1}] * 3)
    assert set(types(store)) == {"amount", "Amount_1"}


def wide(keys):
    return {f"s{number}": number for number in keys}


def test_a_record_with_very_many_keys_leaves_the_others_their_columns(store):
    store.append("logs", [{"id": number, "level": "info"} for number in range(1000)])
    store.commit()
    store.append("logs", [{"id": 1000, **wide(range(4097))}])
    store.commit()
    assert types(store, "logs") == {"id": "BIGINT", "level": "VARCHAR", "other_keys": "JSON"}
    column = store.schema("logs")["other_keys"]
    assert (column.values, column.missing) == (1, 1000)
    assert "4097 keys that have no column of their own" in column.notes[0]
    assert json.loads(values(store, "other_keys", "logs")[-1]) == wide(range(4097))
    assert values(store, "level", "logs")[0] == "info"
    con = lakebed.connect(store)
    assert con.sql("SELECT other_keys->>'s17' FROM logs WHERE other_keys IS NOT NULL").fetchall() == [("17",)]
    con.close()
    # A key that comes often gets a column.
    store.append("logs", [{"id": 1, "late": True}] * 50)
    store.commit()
    assert types(store, "logs")["late"] == "BOOLEAN"
    assert values(store, "late", "logs").count(True) == 50
    # More such records, and so many keys that the summary forgets them.
    for first in range(5000, 60000, 5000):
        store.append("logs", [wide(range(first, first + 5000))])
    store.commit()
    assert list(types(store, "logs")) == ["id", "late", "level", "other_keys"]
    assert store.schema("logs")["id"].values == 1051
    assert values(store, "late", "logs").count(True) == 50


def test_a_wide_record_that_comes_first_leaves_later_ones_their_columns(store):
    store.append("t", [wide(range(4097))])
    store.commit()
    assert types(store) == {"other_keys": "JSON"}
    store.append("t", [{"id": 1, "level": "info"}] * 100)
    store.commit()
    assert types(store) == {"id": "BIGINT", "level": "VARCHAR", "other_keys": "JSON"}


def test_the_columns_come_back_when_the_wide_record_is_gone(store):
    store.append("t", [{"id": number} for number in range(10)] + [wide(range(5000))])
    store.commit()
    assert "other_keys" in types(store)
    (row,) = [row for row in store.scan("t") if len(row.data) > 1000]
    store.delete(row.hash)
    store.commit()
    assert "other_keys" in types(store)
    schema = store.infer("t")
    assert [column.name for column in schema.columns if not column.system] == ["id"]
    assert types(store) == {"id": "BIGINT"}


def test_a_declared_type_holds_whatever_the_values_are(store, path):
    rows = [
        {"price": 9.5},
        {"price": "-"},
        {"price": "12.50"},
        {"price": "n/a"},
        {"price": None},
        {},
        {"price": {"a": 1}},
    ]
    store.append("t", rows)
    store.commit()
    assert types(store)["price"] == "JSON"
    schema = store.declare("t", {"price": "DOUBLE"}, nulls=["-"])
    column = schema["price"]
    assert (column.type, column.declared) == ("DOUBLE", True)
    assert (column.values, column.nulls, column.missing, column.misfits) == (2, 2, 1, 2)
    assert values(store, "price") == [9.5, None, 12.5, None, None, None, None]
    assert pyarrow.table(store.arrow("t", columns=["_seq"], filters=[("price", ">", 10.0)])).column(0).to_pylist() == [
        2
    ]
    absent = pyarrow.table(store.arrow("t", columns=["_seq"], filters=[("price", "is_null", None)]))
    assert absent.column(0).to_pylist() == [1, 3, 4, 5, 6]
    con = lakebed.connect(path)
    query = "SELECT price, _json->>'price' FROM t WHERE price IS NULL AND (_json->>'price') <> '-' ORDER BY _seq"
    assert con.sql(query).fetchall() == [(None, "n/a"), (None, '{"a":1}')]
    if HAS_FUNCTIONS:
        scanned = "SELECT sum(price) FROM lakebed_scan(?, 't')"
        assert con.execute(scanned, [str(path)]).fetchall() == [(22.0,)]
    store.declare("t", {"price": None})
    assert types(store)["price"] == "JSON"
    assert lakebed.refresh(con)
    assert str(con.sql("SELECT price FROM t").types[0]) == "JSON", "views follow a change of types alone"
    con.close()


def test_types_inside_columns_are_declared_by_their_path(store):
    store.append("t", [{"o": {"at": "2024-01-02", "n": 1}, "items": [{"price": 1}, {"price": "x"}]}])
    store.append("t", [{"o": {"at": "", "n": 2}, "items": [{"price": 2.5}]}])
    store.declare("t", {"o.at": "TIMESTAMP", "items[].price": "DOUBLE"})
    assert types(store) == {
        "o": 'STRUCT("at" TIMESTAMP, "n" BIGINT)',
        "items": 'STRUCT("price" DOUBLE)[]',
    }
    assert [at["at"] and at["at"].year for at in values(store, "o")] == [2024, None]
    assert values(store, "items")[0] == [{"price": 1.0}, {"price": None}]
    assert store.schema("t")["items"].misfits == 1
    assert values(store, "o.at")[1] is None


def test_declarations_that_cannot_be_are_refused_in_one_sentence(store):
    store.append("t", [{"price": 1}])
    store.commit()
    for types_, words in (
        ({"prices": "DOUBLE"}, 'did you mean "price"'),
        ({"price": "MONEY"}, '"MONEY" is none of'),
        ({"_seq": "DOUBLE"}, "its type is fixed"),
    ):
        with pytest.raises(lakebed.InvalidArgument, match=words):
            store.declare("t", types_)
    with pytest.raises(lakebed.InvalidArgument, match="belongs to a declared type"):
        store.declare("t", {}, nulls=["-"])
    with pytest.raises(lakebed.CollectionNotFound):
        store.declare("nosuch", {"a": "DOUBLE"})
    assert not store.schema("t")["price"].declared


def test_ingest_declares_first_and_counts_what_does_not_fit(store, tmp_path):
    file = tmp_path / "offers.ndjson"
    file.write_text('{"price": "-"}\n{"price": "1.5"}\n{"price": "?"}\n')
    report = store.ingest(file, types={"price": "DOUBLE", "sold": "DATE"}, nulls=["-"])
    assert (report.rows, report.misfits) == (3, 1)
    assert types(store, "offers") == {"price": "DOUBLE", "sold": "DATE"}
    file.write_text('{"price": 2, "sold": "2024-01-01"}\n{"price": [], "sold": "soon"}\n')
    assert store.ingest(file).misfits == 2
    assert values(store, "price", "offers") == [None, 1.5, None, 2.0, None]
    with pytest.raises(lakebed.StoreIOError):
        store.ingest(tmp_path / "nosuch.ndjson", types={"a": "DOUBLE"})
    assert [one.name for one in store.collections()] == ["offers"]


def test_types_are_inferred_anew_over_the_rows_there_are(store):
    store.append("t", [{"price": "-", "when": ""}, {"price": 1, "when": "2024-01-01", "Extra": 1}])
    store.append("t", [{"price": 2, "when": "2024-01-02", "extra": 2}])
    store.commit()
    assert types(store) == {"price": "JSON", "when": "VARCHAR", "Extra": "BIGINT", "extra_1": "BIGINT"}
    assert store.trim("t", before_seq=1) == 1
    schema = store.schema("t")
    assert (schema.rows, schema["price"].values, schema["price"].type) == (2, 2, "JSON")
    schema = store.infer("t")
    assert types(store) == {"price": "BIGINT", "when": "DATE", "Extra": "BIGINT", "extra_1": "BIGINT"}
    assert (schema.rows, schema["extra_1"].missing) == (2, 1)
    store.append("t", [{"price": "again"}])
    store.commit()
    assert types(store)["price"] == "JSON"


def test_a_declared_type_stays_when_types_are_inferred_anew(store):
    store.append("t", [{"price": "-"}, {"price": 1}])
    store.declare("t", {"price": "DOUBLE"})
    store.infer("t")
    assert types(store)["price"] == "DOUBLE"
    store.infer("t")
    assert store.schema("t")["price"].misfits == 1


def test_counts_are_of_the_rows_there_are(store):
    store.append("t", [{"a": n, "b": None} if n % 2 else {"a": n} for n in range(10)])
    store.commit()
    (first, *_) = store.scan("t")
    store.delete(first.hash)
    assert store.schema("t").rows == 9
    assert (store.schema("t")["a"].values, store.schema("t")["b"].missing) == (9, 4)
    store.rollback()
    assert store.schema("t").rows == 10
    store.trim("t", before_seq=10)
    assert (store.schema("t").rows, store.schema("t")["a"].values) == (0, 0)


def append_commits(store):
    rows: list[dict[str, object]] = [
        {"kind": "k", "commit": {"collection": f"c{n % 3}", "at": {"s": n}}} for n in range(9)
    ]
    rows += [{"kind": "none"}, {"commit": None}, {"commit": {"collection": None}}]
    store.append("t", rows)
    store.commit()


def test_fields_inside_objects_are_columns_by_their_path(store):
    append_commits(store)
    table = pyarrow.table(store.arrow("t", columns=["commit.collection", "kind", "commit.at.s", "commit"]))
    assert table.column_names == ["commit.collection", "kind", "commit.at.s", "commit"]
    assert table.column(0).to_pylist() == [f"c{n % 3}" for n in range(9)] + [None] * 3
    assert table.column(2).to_pylist() == [*range(9), None, None, None]
    filtered = store.arrow("t", columns=["_seq"], filters=[("commit.at.s", ">=", 7)])
    assert pyarrow.table(filtered).column(0).to_pylist() == [7, 8]


@needs_functions
def test_a_scan_in_sql_takes_paths_to_fields(store, path):
    append_commits(store)
    con = lakebed.connect(path)
    query = "SELECT * FROM lakebed_scan(?, 't', columns := ['commit.collection', 'kind', '_seq']) LIMIT 1"
    found = con.execute(query, [str(path)])
    assert [item[0] for item in found.description] == ["commit.collection", "kind", "_seq"]
    assert found.fetchall() == [("c0", "k", 0)]
    counted = con.execute(
        "SELECT \"commit.collection\", count(*) FROM lakebed_scan(?, 't', columns := ['commit.collection']) "
        "GROUP BY ALL ORDER BY ALL",
        [str(path)],
    ).fetchall()
    assert counted == [("c0", 3), ("c1", 3), ("c2", 3), (None, 3)]
    for columns, words in (
        ("[]", "at least one"),
        ("['kind', 'Kind']", "twice"),
        ("['nosuch.x']", "no column"),
        ("7", "a list of"),
    ):
        with pytest.raises(Exception, match=words):
            con.execute(f"FROM lakebed_scan('{path}', 't', columns := {columns})")
    con.close()


def test_wide_records_in_a_commit_of_their_own_take_no_column_away(store):
    store.append("t", [{"id": n, "level": "info", "o": {"id": n, "level": "x"}} for n in range(100)])
    store.commit()
    for record in (wide(range(40_000)), {"o": wide(range(6000))}, {f"w{n}": wide(range(2000)) for n in range(40)}):
        store.append("t", [record])
        store.commit()
        found = types(store)
        assert (found["id"], found["level"]) == ("BIGINT", "VARCHAR")
        assert found["o"].startswith('STRUCT("id" BIGINT, "level" VARCHAR'), found["o"][:100]
        assert values(store, "o.level").count("x") == 100


def test_wide_records_alone_in_an_ingest_take_no_column_away(store, tmp_path):
    plain, odd = tmp_path / "plain.ndjson", tmp_path / "odd.ndjson"
    plain.write_text("".join(json.dumps({"id": n, "o": {"level": "x"}}) + "\n" for n in range(100)))
    odd.write_text("".join(json.dumps({f"w{m}.{n}": wide(range(2000)) for n in range(20)}) + "\n" for m in range(4)))
    store.ingest(plain, into="t")
    report = store.ingest(odd, into="t")
    assert "no column of their own" in report.notes[0]
    assert types(store) == {"id": "BIGINT", "o": 'STRUCT("level" VARCHAR)', "other_keys": "JSON"}

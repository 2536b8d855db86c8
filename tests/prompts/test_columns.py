"""Replies and where they came from are the same whether the rows that were asked about, and what prompts stored, are
rows or columns: before a conversion, after it, and back."""

from __future__ import annotations

import pytest

import lakebed

ROWS = 90
TITLES = "SELECT title FROM issues ORDER BY id"
LINEAGE = """
    SELECT r.n, r.text, q.prompt, p.text, i._seq, i._hash, i._file, i._line, i.id, i._json
    FROM {into} AS r
    JOIN requests AS q USING (request)
    JOIN replies AS p ON p.reply = r.reply
    CROSS JOIN unnest(r.sources) AS s(source)
    JOIN issues AS i ON i._seq = s.source.seq AND i._hash = s.source.hash
    WHERE s.source.collection = 'issues'
    ORDER BY i.id
"""
STORED = [
    "SELECT * FROM requests ORDER BY ALL",
    "SELECT * FROM replies ORDER BY ALL",
    'SELECT run, status, model, "rows", asked, cached, errors, "into", query FROM runs ORDER BY began',
    "SELECT * EXCLUDE _ingested_at FROM results ORDER BY _seq",
    "SELECT input, request, reply, text, results FROM latest_results ORDER BY ALL",
    "SELECT _seq, _hash, _json FROM issues ORDER BY _seq",
]


@pytest.fixture
def issues(store, tmp_path):
    """A store with a collection of so many rows that they can be columns; the titles of two are equal."""
    lines = [
        f'{{"id":{i},"title":"title {min(i, ROWS - 2)}","user":{{"name":"Zoë {i}"}},"price":1.50}}' for i in range(ROWS)
    ]
    file = tmp_path / "issues.ndjson"
    file.write_text("\n".join(lines) + "\n")
    store.ingest(file)
    return store


def ask(store, **more):
    replies = lakebed.prompt(store, "llama3.2", "Say {title}", TITLES, **more)
    return sorted((reply.text, str(reply.request)) for reply in replies)


def lineage(store, into="results"):
    with lakebed.connect(store) as con:
        return con.execute(LINEAGE.format(into=into)).fetchall()


def stored(store, path):
    """What SQL and Python say of prompts."""
    with lakebed.connect(store) as con:
        con.execute("SET TimeZone = 'UTC'")
        said = [con.execute(query).fetchall() for query in (*STORED, LINEAGE.format(into="results"))]
        texts = f"SELECT lakebed_reply('{path}', 'llama3.2', 'Say ' || title) FROM issues ORDER BY id"
        said.append(con.execute(texts).fetchall())
    names = ("_requests", "_replies", "_runs", "results")
    return said + [[(row.seq, row.hash, bytes(row.data)) for row in store.scan(name)] for name in names]


def layouts(store):
    return {segment.layout for segment in store.segments() if segment.rows and segment.state == "sealed"}


@pytest.mark.parametrize("converted", ["issues", "results", None])
def test_what_prompts_stored_is_the_same_in_both_layouts(server, issues, path, converted):
    asked = ask(issues)
    before = stored(issues, path)
    assert len(lineage(issues)) == ROWS
    chats = len(server.requests)
    for layout in ("columns", "rows", "columns"):
        issues.compact(converted, layout=layout)
        assert layout in layouts(issues)
        assert stored(issues, path) == before
        assert issues.verify().problems == ()
    # What is asked again is answered from the store.
    assert ask(issues, into="again") == asked
    assert not [request for request in server.requests[chats:] if request.path == "/api/chat"]
    assert lineage(issues, "again") == before[len(STORED)]


def test_replies_to_rows_that_are_columns_are_those_to_rows(server, issues):
    issues.compact("issues", layout="columns")
    assert issues.files("issues").rows_elsewhere == 0
    asked = ask(issues)
    found = lineage(issues)
    assert [row[1] for row in found] == [f"You said: Say title {min(i, ROWS - 2)}" for i in range(ROWS)]
    for _n, _text, _prompt, _reply, seq, hash, _file, line, id, record in found:
        assert (seq, line, id) == (id, id + 1, id)
        assert str(lakebed.Hash.of(record.encode())) == hash
    issues.compact("issues", layout="rows")
    assert ask(issues, into="again") == asked
    assert lineage(issues, "again") == found


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_after_a_trim_and_a_drop_the_lineage_ends_where_the_rows_do(server, issues, layout):
    ask(issues)
    issues.compact(layout=layout)
    everything = lineage(issues)
    replies = [row.data for row in issues.scan("_replies")]
    issues.trim("issues", before_seq=30)
    issues.delete(lakebed.Hash(everything[40][5]))
    issues.commit()
    left = [row for row in everything if row[4] >= 30 and row[4] != 40]
    assert lineage(issues) == left
    for further in ("columns", "rows"):
        issues.compact(layout=further)
        assert lineage(issues) == left
    issues.drop("issues")
    issues.commit()
    with lakebed.connect(issues) as con:
        # Results, requests and replies stay.
        assert con.execute("SELECT count(*), count(reply), count(text) FROM results").fetchall() == [(ROWS,) * 3]
        assert con.execute("SELECT count(*) FROM results JOIN replies USING (reply)").fetchall() == [(ROWS,)]
    assert [row.data for row in issues.scan("_replies")] == replies
    assert issues.verify().problems == ()

"""What prompts left, in SQL: the views `requests`, `replies` and `runs`, the lineage, and `lakebed_reply`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import lakebed
from tests.prompts.conftest import eventually

TITLES = "SELECT title FROM issues ORDER BY id"


def ask(store, model="llama3.2", template="Say {title}", query=TITLES, **more):
    return list(lakebed.prompt(store, model, template, query, **more))


@pytest.fixture
def con(issues):
    con = lakebed.connect(issues)
    yield con
    con.close()


def test_without_prompts_the_views_are_empty(con, path):
    for view in ("requests", "replies", "runs"):
        assert con.execute(f"SELECT count(*) FROM {view}").fetchone() == (0,)
    assert con.execute("SELECT lakebed_reply(?, 'x')", [str(path)]).fetchone() == (None,)


def test_the_views_show_requests_replies_and_runs(server, issues, con):
    ask(issues, system="Be brief", options={"seed": 1})
    ask(issues, "small", "{title} " + "word" * 100)
    lakebed.refresh(con)
    assert con.execute(
        "SELECT count(*), count(DISTINCT request), min(system), any_value(options->>'seed') FROM requests"
    ).fetchone() == (
        22,
        22,
        "Be brief",
        "1",
    )
    row = con.execute(
        "SELECT model, digest, text, done_reason, prompt_tokens, reply_tokens, attempts "
        "FROM replies ORDER BY model, text LIMIT 1"
    ).fetchone()
    assert row == (
        "llama3.2:latest",
        server.models["llama3.2:latest"],
        "You said: Say title 0",
        "stop",
        row[4],
        row[5],
        1,
    )
    assert row[4] > 0
    runs = con.execute(
        'SELECT status, model, "rows", asked, cached, errors, "into", query FROM runs ORDER BY began'
    ).fetchall()
    # The two rows with the same prompt may share a request.
    asked = runs[1][3]
    assert asked in (11, 12)
    assert runs == [
        ("complete", "llama3.2:latest", 12, 11, 1, 0, "results", TITLES),
        ("errors", "small:latest", 12, asked, 0, 12, "results", TITLES),
    ]


def test_lineage_leads_from_a_result_to_its_request_reply_and_source_line(server, issues, con, tmp_path):
    ask(issues)
    lakebed.refresh(con)
    found = con.execute(
        """
        SELECT r.text, q.prompt, p.text, i._file, i._line, i.id
        FROM results AS r
        JOIN requests AS q USING (request)
        JOIN replies AS p ON p.reply = r.reply
        CROSS JOIN unnest(r.sources) AS s(source)
        JOIN issues AS i ON i._seq = s.source.seq AND i._hash = s.source.hash
        WHERE s.source.collection = 'issues'
        ORDER BY i.id
        """
    ).fetchall()
    assert len(found) == 12
    for number, (text, prompt, reply, file, line, id) in enumerate(found):
        assert (prompt, text) == (f"Say title {min(number, 10)}", f"You said: Say title {min(number, 10)}")
        assert (reply, file, line, id) == (text, str(tmp_path / "issues.ndjson"), number + 1, number)


def test_a_stored_reply_is_had_by_request_and_by_prompt(server, issues, con, path):
    asked = ask(issues)
    lakebed.refresh(con)
    count = len(server.requests)
    for name in (str(Path(path).resolve()), str(path)):
        one = con.execute(
            "SELECT lakebed_reply(?, ?), lakebed_reply(?, 'f')", [name, str(asked[0].request), name]
        ).fetchone()
        assert one == (asked[0].text, None)
    found = con.execute(
        f"SELECT id, lakebed_reply('{path}', 'llama3.2', 'Say ' || title) FROM issues ORDER BY id"
    ).fetchall()
    assert found == [(number, f"You said: Say title {min(number, 10)}") for number in range(12)]
    assert con.execute(f"SELECT lakebed_reply('{path}', 'other', 'Say title 1')").fetchone() == (None,)
    assert con.cursor().execute(f"SELECT data.lakebed_reply('{path}', 'llama3.2', 'Say title 1')").fetchone() == (
        "You said: Say title 1",
    )
    with pytest.raises(duckdb.Error, match="not the one attached here"):
        con.execute("SELECT lakebed_reply('elsewhere.lakebed', 'x')").fetchall()
    ask(issues, fresh=True)
    lakebed.refresh(con)
    assert con.execute(f"SELECT lakebed_reply('{path}', 'llama3.2', 'Say title 1')").fetchone() == (
        "You said: Say title 1",
    )
    # It asks the store, never the server.
    assert len([one for one in server.requests[count:] if one.path == "/api/chat"]) == 11


def test_texts_stay_texts_whatever_they_look_like(server, store):
    con = lakebed.connect(store)
    server.models["llama3.2:latest"] = "0" * 64
    ask(store, template="{title}", query="SELECT '2026-01-0' || i AS title FROM range(1, 3) t(i)")
    lakebed.refresh(con)
    assert con.execute("SELECT DISTINCT typeof(text), typeof(digest) FROM replies").fetchall() == [
        ("VARCHAR", "VARCHAR")
    ]
    assert con.execute("SELECT prompt FROM requests ORDER BY 1").fetchall() == [("2026-01-01",), ("2026-01-02",)]
    con.close()


def test_a_running_run_is_shown_as_running_and_a_killed_one_as_interrupted(server, issues, con, path):
    code = f"""
import lakebed
with lakebed.open({str(path)!r}) as store:
    for result in lakebed.prompt(store, "llama3.2", "Say {{title}}", {TITLES!r}, jobs=1):
        print(result.n, flush=True)
"""
    server.delay = 0.2
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"1"

    def status():
        lakebed.refresh(con)
        return con.execute("SELECT status, ended FROM runs").fetchall()

    assert status() == [("running", None)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    eventually(lambda: status() == [("interrupted", None)])


def test_the_newest_result_of_each_row_is_a_view(server, issues, con):
    server.add("flaky-400-2")
    count = "SELECT count(*), count(error), min(results), max(results) FROM latest_results"
    assert con.execute(count).fetchone() == (0, 0, None, None)
    for run, expected in enumerate([(12, 12, 1, 1), (12, 12, 2, 2), (12, 0, 3, 3), (12, 0, 3, 3)]):
        ask(issues, "flaky-400-2", jobs=1)
        lakebed.refresh(con)
        assert con.execute(count).fetchone() == expected, run
    assert con.execute("SELECT count(*) FROM results").fetchone() == (36,)
    row = con.execute(
        """SELECT "into", n, input->>'title', sources->0->>'collection', text, error FROM latest_results ORDER BY n LIMIT 1"""
    ).fetchone()
    assert row == ("results", 1, "title 0", "issues", "You said: Say title 0", None)
    # Joined with the collection, the columns keep their types.
    typed = con.execute(
        "SELECT input.title, text FROM results SEMI JOIN latest_results AS l ON l._hash = results._hash"
    )
    assert len(typed.fetchall()) == 12
    # Another prompt over the same rows is another result; another version of the model is not.
    ask(issues, template="Shout {title}")
    server.repull("llama3.2")
    ask(issues, template="Shout {title}")
    ask(issues, into="Other")
    lakebed.refresh(con)
    assert con.execute('SELECT "into", count(*) FROM latest_results GROUP BY ALL ORDER BY ALL').fetchall() == [
        ("Other", 12),
        ("results", 24),
    ]


def test_equal_rows_without_sources_have_a_newest_result_each(server, store):
    con = lakebed.connect(store)
    server.add("flaky-400-1")
    for _ in range(2):
        list(lakebed.prompt(store, "flaky-400-1", "{a}", rows=[{"a": "x"}, {"a": "x"}, {"a": "y"}], jobs=1))
    lakebed.refresh(con)
    assert con.execute("SELECT input->>'a', error, results FROM latest_results ORDER BY ALL").fetchall() == [
        ("x", None, 2),
        ("x", None, 2),
        ("y", None, 2),
    ]
    con.close()

"""`lakebed prompt`, `models`, `pull` and the pipe verb, as a user's shell runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.cli.conftest import PROGRAM, on_terminal, place, run
from tests.prompts.conftest import eventually

__all__ = ["on_terminal", "place", "run"]

TITLES = "SELECT title FROM issues ORDER BY id"
ASK = ("prompt", "llama3.2", r"Say {title}\n", "--from", TITLES, "--into", "said")


@pytest.fixture
def issues(run, place, server):
    (place / "issues.ndjson").write_text("".join(f'{{"id":{i},"title":"title {i}"}}\n' for i in range(8)))
    assert run("ingest", "issues.ndjson").code == 0


def test_results_are_data_and_the_rest_is_narration(run, issues, server):
    done = run(*ASK, "-j", "4")
    assert done.code == 0, done.err
    assert sorted(row["text"] for row in done.rows) == [f"You said: Say title {number}\n" for number in range(8)]
    assert list(done.rows[0]) == ["run", "n", "input", "sources", "request", "reply", "text", "value", "error"]
    assert "note: 8 rows: 8 asked, in " in done.err
    again = run(*ASK)
    assert (again.code, again.out) == (0, b"")
    assert "8 rows: 0 asked, 8 done before" in again.err
    counted = run("query", "SELECT count(*) AS n FROM said JOIN replies USING (request)")
    assert counted.rows == [{"n": 8}]


def test_one_prompt_is_streamed_on_a_terminal(on_terminal, issues, server):
    server.delay = 0.05
    done = on_terminal("prompt", "llama3.2", "Hello there")
    assert done.text == "You said: Hello there\n"
    many = on_terminal(*ASK)
    assert "── row 1" in many.text
    assert "You said: Say title 7" in many.text


def test_a_reply_cannot_move_the_cursor(on_terminal, run, issues, server):
    prompt = "a\x1b]0;title\x07\tb\u202e\u009bc"
    shown = "You said: a\\x1b]0;title\\x07\tb\\u202e\\x9bc\n"
    assert on_terminal("prompt", "llama3.2", prompt).text == shown
    assert f"\n{shown}" in on_terminal("prompt", "llama3.2", prompt, "--from", "SELECT 1 UNION ALL SELECT 2").text
    assert run("prompt", "llama3.2", prompt, "--into", "more").rows[0]["text"] == f"You said: {prompt}"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["nope", "x"],
            5,
            "error: The model 'nope' is not there: pull it with `ollama pull nope` or `lakebed pull nope`.\n",
        ),
        (
            ["llama3.2", "x", "-o", "temprature=1"],
            2,
            "error: Ollama has no option 'temprature': did you mean temperature?\n",
        ),
        (["llama3.2", "{titel}", "--from", TITLES], 2, "no column is called titel: did you mean title?\n"),
        (["llama3.2", "x", "--from", "SELECT nope FROM issues"], 1, "LINE 1: SELECT nope FROM issues"),
        (
            ["llama3.2", "x", "--schema", "none.json"],
            2,
            "The schema none.json cannot be read: No such file or directory.\n",
        ),
        (["llama3.2", "x", "--wait", "soon"], 2, "'soon' is not a duration; write it like 90s, 30m or 2h.\n"),
        (["big:cloud", "x"], 2, "allow it with --allow-cloud"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(run, issues, server, arguments, code, message):
    done = run("prompt", *arguments)
    assert done.code == code
    assert message in done.err
    assert not server.chats


def test_without_a_server_there_is_a_dry_run_and_queries(run, issues, server):
    assert run(*ASK[:-2], "--into", "said").code == 0
    server.stop()
    done = run("prompt", "llama3.2", "x")
    assert done.code == 3
    assert "start it with `ollama serve`" in done.err
    (planned,) = run(*ASK, "--dry-run").rows
    assert (planned["rows"], planned["answered"], planned["present"], planned["reachable"]) == (8, 8, 8, False)
    assert planned["first_prompt"] == "Say title 0\n"
    assert run("query", "SELECT count(*) AS n FROM replies").rows == [{"n": 8}]
    assert run("models").code == 3


def test_rows_that_fail_end_with_1_and_the_command_that_goes_on(run, issues, server):
    done = run("prompt", "small", "{title} " + "word" * 80, "--from", TITLES + " LIMIT 2")
    assert done.code == 1
    assert [row["error"]["kind"] for row in done.rows] == ["prompt_too_long"] * 2
    told = sorted(row["error"]["message"] for row in done.rows)
    assert told[0].startswith("Row 1: The prompt is longer than the model's context: ")
    assert "the same command sends failed rows again: lakebed prompt small '{title} " in done.err
    assert "2 rows: 0 asked, 2 failed (2 prompt_too_long), in " in done.err
    assert "note: prompt_too_long: Row " in done.err


def test_a_server_that_is_lost_ends_with_3_and_the_command_that_goes_on(run, issues, server):
    server.retry_after = "1"
    done = run("prompt", "error-503", "{title}", "--from", TITLES, "--wait", "1s")
    assert done.code == 3
    assert "is busy (503): server busy" in done.err
    assert "to continue: lakebed prompt error-503" in done.err
    assert run("query", "SELECT status, errors FROM runs").rows == [{"status": "server_lost", "errors": 0}]


def start(place, *arguments):
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def test_ctrl_c_once_finishes_what_is_under_way(place, run, issues, server):
    server.delay = 0.1
    process = start(place, *ASK, "-j", "2")
    eventually(lambda: server.active == 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Finishing the requests in flight" in err
    assert "to continue: lakebed prompt llama3.2" in err
    answered = sum(server.answered.values())
    assert answered == sum(server.asked.values()) == len(out.splitlines()) < 8
    server.delay = 0
    assert run(*ASK).code == 0
    assert sum(server.asked.values()) == 8
    assert run("query", "SELECT count(*) AS n, count(DISTINCT n) AS d FROM said").rows == [{"n": 8, "d": 8}]


def test_ctrl_c_twice_stops(place, run, issues, server):
    process = start(place, "prompt", "stall", "{title}", "--from", TITLES)
    eventually(lambda: server.active == 2)
    process.send_signal(signal.SIGINT)
    assert "Finishing" in process.stderr.readline() + process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert run("query", "SELECT status FROM runs").rows == [{"status": "interrupted"}]


def test_a_reader_that_has_seen_enough_ends_the_run_quietly(place, run, issues, server):
    server.delay = 0.02
    done = subprocess.run(
        ["bash", "-c", f"{PROGRAM} prompt llama3.2 '{{title}}' --from '{TITLES}' | head -1"],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["n"] >= 1
    assert "error" not in done.stderr


def test_the_pipe_verb_does_the_same(run, issues, server):
    done = run(
        "query", f'{TITLES} LIMIT 3 | prompt llama3.2 "Sum up: {{title}}\\n" into sums; SELECT count(*) AS n FROM sums'
    )
    assert done.code == 0, done.err
    said = sorted(row["text"] for row in done.rows[:3])
    assert said == [f"You said: Sum up: title {number}\n" for number in range(3)]
    assert done.rows[0]["sources"][0]["collection"] == "issues"
    assert done.rows[3] == {"n": 3}
    again = run("prompt", "llama3.2", r"Sum up: {title}\n", "--from", TITLES + " LIMIT 3", "--into", "sums")
    assert again.out == b""
    assert sum(server.asked.values()) == 3
    wrong = run("query", f"{TITLES} | prompt llama3.2 {{titel}}")
    assert (wrong.code, "did you mean title?" in wrong.err) == (2, True)


def test_models_and_pull(run, issues, server):
    rows = {row["name"]: row for row in run("models").rows}
    assert rows["llama3.2:latest"]["digest"] == server.models["llama3.2:latest"]
    assert rows["big:cloud"]["remote"] == "https://ollama.com:443"
    done = run("pull", "newone")
    assert (done.code, done.err) == (0, "note: newone is downloaded\n")
    done = run("pull", "nosuch")
    assert (done.code, "file does not exist" in done.err) == (1, True)
    assert "newone:latest" in {
        row["name"] for row in run("models", "--host", server.url, OLLAMA_HOST="nowhere.invalid").rows
    }


def test_schema_system_image_and_saved_templates(run, issues, place, server):
    (place / "schema.json").write_text(
        '{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}'
    )
    (place / "cat.png").write_bytes(b"a cat")
    assert run("put", "cat.png").code == 0
    (row,) = run("prompt", "json", "x", "--schema", "schema.json", "--system", "Be brief").rows
    assert row["value"] == {"ok": True}
    assert server.chats[-1]["messages"][0] == {"role": "system", "content": "Be brief"}
    (row,) = run(
        "prompt",
        "vision",
        "What is {name}?",
        "--from",
        "SELECT name, hash FROM files",
        "--image",
        "hash",
        "--save",
        "what",
    ).rows
    assert row["text"] == "You said: What is cat.png? [image of 5 bytes]"
    (row,) = run("prompt", "vision", "@what", "--from", "SELECT 'it' AS name").rows
    assert row["text"] == "You said: What is it?"


class TestWithoutAStore:
    def test_one_prompt_makes_a_store(self, run, place, server):
        done = run("prompt", "llama3.2", "Hello")
        assert (done.code, done.rows[0]["text"]) == (0, "You said: Hello")
        assert run("query", "SELECT text FROM results").rows == [{"text": "You said: Hello"}]
        again = run("prompt", "llama3.2", "Hello")
        assert (again.code, again.out, len(server.chats)) == (0, b"", 1)

    @pytest.mark.parametrize(
        "arguments", [["nope", "x"], ["llama3.2", "{a}"], ["llama3.2", "@no"], ["llama3.2", "x", "--wait", "y"]]
    )
    def test_a_wrong_command_makes_none(self, run, place, server, arguments):
        assert run("prompt", *arguments).code in (2, 5)
        server.stop()
        assert run("prompt", "llama3.2", "x").code == 3
        assert not list(place.glob("*.lakebed"))

    def test_rows_of_no_store_are_said_to_be_missing(self, run, place, server):
        done = run("prompt", "llama3.2", "{title}", "--from", TITLES)
        assert (done.code, "There is no store at" in done.err) == (5, True)
        assert not list(place.iterdir())
        done = run("prompt", "llama3.2", "{a}", "--from", "SELECT 1 AS a")
        assert (done.code, done.rows[0]["text"]) == (0, "You said: 1")

    def test_no_store_stores_nothing(self, run, place, server):
        done = run("prompt", "llama3.2", "Hello", "--no-store")
        assert (done.code, done.rows[0]["text"]) == (0, "You said: Hello")
        assert not list(place.iterdir())
        refused = run("prompt", "llama3.2", "Hello", "--no-store", "--save", "x")
        assert (refused.code, "--no-store uses none" in refused.err) == (2, True)
        planned = run("prompt", "llama3.2", "Hello", "--dry-run")
        assert (planned.code, planned.rows[0]["rows"]) == (0, 1)
        assert not list(place.iterdir())

    def test_no_store_reads_the_rows_of_one(self, run, place, issues, server):
        assert (
            run("prompt", "llama3.2", "Say {title}", "--from", TITLES, "--save", "say", "--system", "Be brief").code
            == 0
        )
        before = run("stats").rows[0]["commit"]
        done = run("prompt", "llama3.2", "@say", "--from", TITLES + " LIMIT 2", "--no-store")
        assert sorted(row["text"] for row in done.rows) == ["You said: Say title 0", "You said: Say title 1"]
        assert server.chats[-1]["messages"][0] == {"role": "system", "content": "Be brief"}
        piped = run("query", f"{TITLES} LIMIT 1 | prompt llama3.2 @say --no-store")
        assert piped.rows[0]["text"] == "You said: Say title 0"
        assert run("stats").rows[0]["commit"] == before


class TestTheText:
    def test_it_comes_from_standard_input_as_it_is(self, run, place, server):
        text = '@if (a < {b}) { return "\\n"; }'
        done = run("prompt", "llama3.2", "-", "--no-store", stdin=text.encode() + b"\n")
        assert done.rows[0]["text"] == f"You said: {text}"
        empty = run("prompt", "llama3.2", "-", stdin=b"\n")
        assert (empty.code, empty.err) == (2, "error: Standard input is empty: there is no prompt to send.\n")

    def test_with_rows_it_is_a_template(self, run, issues, server):
        done = run("prompt", "llama3.2", "-", "--from", TITLES + " LIMIT 1", stdin=b"Say {title}")
        assert done.rows[0]["text"] == "You said: Say title 0"

    def test_it_comes_from_a_file(self, run, place, issues, server):
        (place / "ask.txt").write_text("Ask {title}\nagain\n")
        for name in ("@ask.txt", "@./ask.txt", f"@{place}/ask.txt"):
            done = run("prompt", "llama3.2", name, "--from", TITLES + " LIMIT 1", "--no-store")
            assert done.rows[0]["text"] == "You said: Ask title 0\nagain"
        assert run("prompt", "llama3.2", "Saved {title}", "--from", TITLES + " LIMIT 1", "--save", "ask.txt").code == 0
        done = run("prompt", "llama3.2", "@ask.txt", "--from", TITLES + " LIMIT 1", "--no-store")
        assert done.rows[0]["text"] == "You said: Saved title 0"
        missing = run("prompt", "llama3.2", "@no.txt")
        assert (missing.code, "There is no file no.txt either." in missing.err) == (2, True)
        missing = run("prompt", "llama3.2", "@./no.txt")
        assert (missing.code, "./no.txt cannot be read" in missing.err) == (7, True)
        unsafe = run("query", "--safe", f"{TITLES} | prompt llama3.2 @./ask.txt")
        assert (unsafe.code, "--safe forbids" in unsafe.err) == (2, True)


def test_saved_templates_are_listed(run, issues, server):
    assert run("templates").out == b""
    for text in ("Say {title}", "Shout {title}"):
        run("prompt", "llama3.2", text, "--from", TITLES + " LIMIT 1", "--save", "say")
    run("prompt", "json", "Mood", "--schema", "json", "--system", "Be brief", "--save", "mood")
    rows = run("templates").rows
    assert [(row["name"], row["template"], row["system"], row["format"]) for row in rows] == [
        ("mood", "Mood", "Be brief", "json"),
        ("say", "Shout {title}", None, None),
    ]
    both = run("templates", "say").rows
    assert [row["template"] for row in both] == ["Shout {title}", "Say {title}"]
    done = run("prompt", "llama3.2", f"@say:{both[1]['version']}", "--from", TITLES + " LIMIT 1", "--no-store")
    assert done.rows[0]["text"] == "You said: Say title 0"
    wrong = run("templates", "shout")
    assert (wrong.code, "no saved template shout; there is mood, say" in wrong.err) == (2, True)


def test_a_dry_run_shows_a_screen_of_the_prompt(on_terminal, run, issues, server):
    long = "SELECT repeat('word ', 40000) || 'end' AS text"
    shown = on_terminal("prompt", "llama3.2", "Sum up: {text}", "--from", long, "--dry-run").text
    assert "the first prompt:\nSum up: word word" in shown
    assert len(shown.splitlines()) <= 24
    assert "characters more\n" in shown
    short = on_terminal("prompt", "llama3.2", "one\\ntwo", "--dry-run").text
    assert short.endswith("the first prompt:\none\ntwo\n")

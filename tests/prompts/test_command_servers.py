"""`lakebed prompt`, `models` and `pull` with servers and models that are not as they should be."""

from __future__ import annotations

import json
import time

import pytest

from tests.cli.conftest import place, run

__all__ = ["place", "run"]

TITLES = "SELECT title FROM issues ORDER BY id"


@pytest.fixture
def issues(run, place, server):
    (place / "issues.ndjson").write_text("".join(f'{{"id":{i},"title":"title {i}"}}\n' for i in range(8)))
    assert run("ingest", "issues.ndjson").code == 0


@pytest.mark.parametrize(("given", "sent"), [("-1", -1), ("5", 5), ("10m", "10m")])
def test_keep_alive(run, issues, server, given, sent):
    done = run("prompt", "llama3.2", "x", "--keep-alive", given)
    assert done.code == 0, done.err
    assert server.chats[-1]["keep_alive"] == sent
    done = run("query", f'SELECT 1 AS a | prompt llama3.2 "y" --keep-alive {given}')
    assert done.code == 0, done.err
    assert server.chats[-1]["keep_alive"] == sent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-alive", "forever"], "keep_alive is a number of seconds or a duration such as 90s"),
        (["--timeout", "soon"], "'soon' is not a duration; write it like 90s, 30m or 2h."),
        (["--timeout", "0"], "A time limit is more than 0 seconds"),
        (["--host", "http://localhost:11434/v1"], "is the address of OpenAI's interface (/v1)"),
        (["--host", "[fe80::1%nosuch0]"], "This machine has no network interface nosuch0"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(run, issues, server, arguments, message):
    done = run("prompt", "llama3.2", "x", *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert not server.requests


def test_a_request_has_a_time_limit(run, issues, server):
    start = time.monotonic()
    done = run("prompt", "stall", "{title}", "--from", TITLES + " LIMIT 2", "--timeout", "0.5s")
    assert time.monotonic() - start < 25
    assert done.code == 1
    assert [row["error"]["kind"] for row in done.rows] == ["reply_timeout"] * 2
    assert "2 failed (2 reply_timeout)" in done.err
    assert "with 2 requests" in done.err


def test_a_schema_that_the_server_refuses_is_one_sentence(run, issues, place, server):
    schema = {"type": "object", "properties": {"zip": {"type": "string", "pattern": "[0-9]+"}}}
    (place / "zip.json").write_text(json.dumps(schema))
    done = run("prompt", "json", "{title}", "--from", TITLES, "--schema", "zip.json", "-j", "1")
    assert done.code == 2
    assert done.out == b""
    *_, last = done.err.splitlines()
    assert last == (
        "error: Ollama refuses the schema (400): JSON schema conversion failed: Pattern must start with '^' and end with "
        "'$': simplify it, or take any JSON with --schema json."
    )
    assert done.err.count("Pattern") == 1
    assert "to continue" not in done.err
    assert len(server.chats) <= 2


def test_a_model_that_thinks_to_its_limit(run, issues, server):
    done = run("prompt", "overthinker", "x", "-o", "num_predict=3")
    assert done.code == 1
    (row,) = done.rows
    assert row["error"]["thinking"] == "thought 0 thought 1 thought 2 "
    assert "--think off" in row["error"]["message"]
    assert run("prompt", "overthinker", "x", "-o", "num_predict=3", "--think", "off").code == 0


def test_a_model_that_is_created_anew_is_said_at_the_end(run, issues, server):
    server.on_chat = lambda model, number: server.repull("llama3.2") if number == 4 else None
    done = run("prompt", "llama3.2", "{title}", "--from", TITLES, "-j", "1")
    assert done.code == 0
    assert "note: llama3.2:latest became another version during the run" in done.err


def test_another_server_is_told_what_it_is(run, issues, server):
    for flavor in ("llama.cpp", "openai"):
        server.flavor = flavor
        for command in (["prompt", "served", "x"], ["models"]):
            done = run(*command)
            assert done.code == 3
            assert "is a server of OpenAI's interface, such as llama.cpp's, and not Ollama" in done.err


def test_a_failed_pull_is_no_reply(run, issues, server):
    done = run("pull", "nosuch")
    assert done.code == 1
    assert done.err == (
        "error: The pull of nosuch failed: pull model manifest: file does not exist; check the name of the model.\n"
    )
    done = run("pull", "broken")
    assert done.code == 1
    assert "The pull of broken ended without saying that it is complete" in done.err

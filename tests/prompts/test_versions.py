"""The version of the model that each reply is stored with, when the model changes or cannot be asked for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

import lakebed
from lakebed.prompts import run as run_module
from tests.prompts.conftest import eventually
from tests.prompts.runs import ask, rows

MODEL = "llama3.2:latest"


@pytest.fixture
def answered_by(server):
    """The digest that the server had when it answered each prompt; and what tests change, by the number of the chat."""
    answered: dict[str, str] = {}
    changes: dict[int, Callable[[], object]] = {}
    play = server._chat

    async def chat(answer, body, *, chat):
        number = len(answered) + 1
        if number in changes:
            changes[number]()
        answered[body["messages"][-1]["content"]] = server.models[MODEL]
        await play(answer, body, chat=chat)

    server._chat = chat
    return answered, changes


def checked(store, answered):
    """How many replies have each digest, after a look at each: it is the right one or none, and in the request too."""
    found: Counter[str] = Counter()
    for reply in rows(store, "_replies"):
        request = json.loads(store.get(reply["request"]))
        assert request["model"] == f"sha256:{reply['digest']}"
        assert reply["digest"] in ("", answered[request["messages"][-1]["content"]])
        found[reply["digest"]] += 1
    for result in rows(store, "results"):
        assert json.loads(store.get(result["reply"]))["request"] == result["request"]
    return found


class TestChanges:
    @pytest.mark.parametrize("list_delay", [0.0, 0.1, 0.4])
    def test_no_reply_has_a_wrong_digest_however_long_the_list_takes(
        self, client_name, server, store, answered_by, list_delay
    ):
        answered, changes = answered_by
        before = server.models[MODEL]
        changes[12] = lambda: server.repull("llama3.2")
        server.delay, server.list_delay = 0.02, list_delay
        results, report = ask(store, "llama3.2", "{a}", query=None, rows=[{"a": n} for n in range(40)], jobs=2)
        assert (len(results), report.errors, report.digest) == (40, 0, server.models[MODEL])
        found = checked(store, answered)
        # With a list that takes long, more replies arrive between two looks.
        assert found[""] <= 8 + 2 * list_delay / 0.02
        assert found[before] + found[""] >= 11
        assert [f"before, {server.models[MODEL][:12]} after" in note for note in report.notes] == [True]

    def test_a_version_that_comes_back(self, client_name, server, store, answered_by):
        answered, changes = answered_by
        before = server.models[MODEL]
        changes[10] = lambda: server.repull("llama3.2")
        changes[25] = lambda: server.models.update({MODEL: before})
        server.delay = 0.02
        _, report = ask(store, "llama3.2", "{a}", query=None, rows=[{"a": n} for n in range(40)], jobs=2)
        found = checked(store, answered)
        assert len(found) == 3
        assert found[""] <= 16
        assert len(report.notes) == 2

    def test_a_long_reply_keeps_the_version_that_it_began_with(self, client_name, server, store):
        before = server.models.setdefault("drip:latest", "")
        listed = []

        def change():
            eventually(lambda: server.active)
            looks = count_looks(server)
            eventually(lambda: count_looks(server) > looks)
            time.sleep(0.1)
            listed.append(server.active)
            server.repull("drip")

        thread = threading.Thread(target=change)
        thread.start()
        (result,), report = ask(store, "drip", "word " * 60, query=None)
        thread.join()
        assert listed == [1]
        assert json.loads(store.get(result.reply))["digest"] == before
        assert "became another version" in report.notes[0]


class TestServersThatCannotBeAsked:
    def test_replies_wait_for_the_list(self, client_name, server, store, answered_by, path):
        answered, changes = answered_by

        def fail():
            server.list_fails = True
            server.repull("llama3.2")

        changes[5] = fail
        changes[12] = lambda: setattr(server, "list_fails", False)
        server.delay = 0.02
        _, report = ask(store, "llama3.2", "{a}", query=None, rows=[{"a": n} for n in range(40)], jobs=1)
        found = checked(store, answered)
        assert found[server.models[MODEL]] >= 20
        assert report.errors == 0

    def test_a_list_that_stays_away_is_said(self, client_name, server, store, answered_by):
        answered, changes = answered_by

        def fail():
            server.list_fails = True
            server.repull("llama3.2")

        changes[5] = fail
        given = [{"a": n} for n in range(20)]
        results, report = ask(store, "llama3.2", "{a}", query=None, rows=given, jobs=1)
        assert len(results) == 20
        found = checked(store, answered)
        assert found[""] >= 16
        assert f"{found['']} replies carry no digest" in report.notes[-1]
        server.list_fails = False
        _, report = ask(store, "llama3.2", "{a}", query=None, rows=given)
        assert report.new + report.present == 20

    def test_a_chat_has_no_digest_then(self, client_name, server, store):
        with lakebed.Ollama(store) as ollama:
            server.on_chat = lambda model, number: setattr(server, "list_fails", True)
            chat = ollama.chat("llama3.2", "x")
            assert chat.read() == "You said: x"
        (reply,) = rows(store, "_replies")
        assert (reply["digest"], reply["request"]) == ("", str(chat.request))

    def test_replies_of_a_stopped_run_have_theirs(self, client_name, server, store):
        server.delay = 0.01
        with lakebed.prompt(store, "llama3.2", "{a}", rows=[{"a": n} for n in range(100)], jobs=4) as run:
            next(run)
        assert {reply["digest"] for reply in rows(store, "_replies")} == {server.models[MODEL]}
        assert run.report.notes == ()

    def test_a_list_that_does_not_come_does_not_hold_up_the_end(self, client_name, server, store):
        server.delay = 0.01
        run = lakebed.prompt(store, "llama3.2", "{a}", rows=[{"a": n} for n in range(100)], jobs=4)
        next(run)
        server.list_delay = 60
        eventually(lambda: run.status.in_flight and len(server.chats) > 8)
        start = time.monotonic()
        run.close()
        assert time.monotonic() - start < 10
        assert run.report.outcome == "interrupted"


class TestLooks:
    def test_nothing_is_asked_while_no_reply_begins(self, client_name, server, store):
        with lakebed.prompt(store, "llama3.2", "{a}", rows=[{"a": n} for n in range(100)], jobs=2) as run:
            next(run)
            time.sleep(1)
            looks = count_looks(server)
            time.sleep(1)
            assert count_looks(server) == looks

    def test_requests_are_sent_while_replies_wait_to_be_stored(self, client_name, server, store, monkeypatch):
        monkeypatch.setattr(run_module, "_COMMIT_SECONDS", 20)
        start = time.monotonic()
        results, _ = ask(store, "instant", "{a}", query=None, rows=[{"a": n} for n in range(100)], jobs=4)
        assert len(results) == 100
        assert time.monotonic() - start < 20


def count_looks(server):
    """How often the models were listed."""
    return sum(request.path == "/api/tags" for request in list(server.requests))

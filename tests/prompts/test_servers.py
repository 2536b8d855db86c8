"""Runs against what a real server does: ends of the model's process, models created anew, names, costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import lakebed
from lakebed.prompts import dry_run
from lakebed.prompts.client import Timeouts
from tests.prompts.conftest import eventually
from tests.prompts.runs import TITLES, ask, rows

LONG = "word" * 100
REFUSED = {"type": "object", "properties": {"zip": {"type": "string", "pattern": "[0-9]+"}}}


class TestTheModelsProcess:
    def test_rows_do_not_fail_because_another_prompt_was_too_long(self, client_name, server, store):
        given = [{"a": LONG}, *({"a": f"{number} end now"} for number in range(3)), {"a": "end later"}, {"a": "fine"}]
        results, report = ask(store, "weak", "{a}", query=None, rows=given, jobs=1)
        kinds = {result.n: result.error.kind for result in results if result.error is not None}
        assert kinds == {1: "prompt_too_long"}
        assert (report.errors, report.new) == (1, 5)
        assert {json.loads(store.get(result.reply))["attempts"] for result in results if result.reply} == {1, 2}

    def test_a_process_that_ends_each_time_is_a_failure_with_its_own_words(self, client_name, server, store):
        server.last_words["crash"] = "x"
        (result,), _ = ask(store, "error-500", "x", query=None)
        assert result.error.kind == "ollama_failed"
        assert "The process that runs error-500:latest ended (500): llama-server process has terminated" in (
            result.error.message
        )

    def test_kept_connections_that_are_closed_cost_no_attempts(self, client_name, server, store):
        given = [{"a": number} for number in range(10)]
        results, report = ask(store, "kept", "{a}", query=None, rows=given, jobs=2)
        assert report.errors == 0
        assert {json.loads(store.get(result.reply))["attempts"] for result in results} == {1}
        assert sum(server.asked.values()) > 10
        (result,), report = ask(store, "resetfirst", "x", query=None)
        assert (result.error.kind, report.asked) == ("reply_cut", 2)

    def test_a_schema_that_the_server_refuses_ends_the_run(self, client_name, server, store):
        run = lakebed.prompt(store, "json", "{a}", rows=[{"a": n} for n in range(30)], format=REFUSED, jobs=1)
        with pytest.raises(lakebed.FormatRefused, match="Pattern must start with"):
            list(run)
        assert run.report.outcome == "failed"
        assert len(server.chats) <= 2
        assert "results" not in [info.name for info in store.collections()]

    def test_a_model_that_thinks_to_its_limit_says_so_and_its_thoughts_are_kept(self, client_name, server, store):
        thought = "".join(f"thought {number} " for number in range(3))
        (result,), report = ask(store, "overthinker", "x", query=None, options={"num_predict": 3})
        assert (result.error.kind, result.reply, report.asked) == ("thinking_cut", None, 1)
        assert "stopped after 3 tokens while it was still thinking" in result.error.message
        assert "--think off" in result.error.message
        assert result.thinking == result.error.thinking == thought
        assert rows(store, "results")[0]["error"]["thinking"] == thought
        assert "_replies" not in [info.name for info in store.collections()]
        (result,), _ = ask(store, "overthinker", "x", query=None, options={"num_predict": 3}, think=False)
        assert result.text == "You said: x"
        (result,), report = ask(store, "overthinker", "x", query=None, options={"num_predict": 9})
        assert (result.text, report.cut) == ("You", 1)
        with lakebed.Ollama(store) as ollama:
            chat = ollama.chat("overthinker", "y", options={"num_predict": 3})
            with pytest.raises(lakebed.ThinkingCut):
                chat.read()
            assert chat.thinking == thought

    def test_a_time_limit_is_the_rows_error_and_the_run_goes_on(self, client_name, server, store):
        waits = Timeouts(first=5, stall=5, total=0.3)
        given = [{"a": "a " * 100}, {"a": "b"}]
        results, report = ask(store, "drip", "{a}", query=None, rows=given, timeouts=waits, jobs=1)
        assert [result.error.kind if result.error else None for result in results] == ["reply_timeout", None]
        assert report.outcome == "errors"
        (result,), report = ask(store, "stall", "x", query=None, timeouts=waits)
        assert (result.error.kind, report.asked) == ("reply_timeout", 1)


class TestNames:
    def test_a_model_may_be_named_in_every_way_that_ollama_understands(self, client_name, server, store):
        (result,), _ = ask(store, "llama3.2", "x", query=None)
        for name in ("LLAMA3.2", "library/llama3.2", "registry.ollama.ai/Library/Llama3.2:Latest", " llama3.2:latest "):
            (again,), report = ask(store, name, "x", query=None, into=None)
            assert (again.reply, report.cached, report.model) == (result.reply, 1, "llama3.2:latest"), name
        server.models["hf.co/Me/Tiny-GGUF:Q4_K_M"] = server.models["llama3.2:latest"]
        (again,), report = ask(store, "HF.co/me/tiny-gguf:q4_k_m", "y", query=None)
        assert (again.text, report.model) == ("You said: y", "hf.co/Me/Tiny-GGUF:Q4_K_M")
        with lakebed.Ollama(store) as ollama:
            assert ollama.chat("Library/Llama3.2", "x").read() == "You said: x"
        for name in ("me/llama3.2", "llama3.2:7b", "example.com/library/llama3.2"):
            with pytest.raises(lakebed.ModelMissing):
                lakebed.prompt(store, name, "x")

    def test_without_the_server_too(self, server, store):
        ask(store, "llama3.2", "x", query=None)
        server.stop()
        for name in ("llama3.2", "Library/Llama3.2:latest"):
            assert dry_run(store, name, "x").answered == 1, name

    def test_stored_replies_are_found_under_each_name(self, server, store, path):
        ask(store, "llama3.2", "x", query=None)
        with lakebed.connect(store) as con:
            for name in ("llama3.2", "LLAMA3.2:latest", "library/llama3.2", "registry.ollama.ai/library/llama3.2"):
                query = "SELECT lakebed_reply(?, ?, 'x')"
                assert con.execute(query, [str(path), name]).fetchone() == ("You said: x",), name
            assert con.execute("SELECT lakebed_reply(?, 'me/llama3.2', 'x')", [str(path)]).fetchone() == (None,)

    @pytest.mark.parametrize(("given", "sent"), [("-1", -1), (300, 300), ("10m", "10m"), ("0.5", 0.5)])
    def test_keep_alive_is_sent_as_the_server_reads_it(self, client_name, server, store, given, sent):
        (result,), _ = ask(store, "llama3.2", "x", query=None, keep_alive=given)
        assert (result.error, server.chats[-1]["keep_alive"]) == (None, sent)

    def test_other_values_are_refused_before_the_first_request(self, server, store):
        for value in ("forever", "10 minutes", True):
            with pytest.raises(lakebed.InvalidArgument, match="a number of seconds or a duration"):
                lakebed.prompt(store, "llama3.2", "x", keep_alive=value)
            with lakebed.Ollama(store) as ollama, pytest.raises(lakebed.InvalidArgument):
                ollama.chat("llama3.2", "x", keep_alive=value)
        assert not server.chats


class TestDigests:
    def checked(self, store, before, after):
        """How many replies have each digest; each request has that of its reply."""
        found = {before: 0, after: 0, "": 0}
        for reply in rows(store, "_replies"):
            found[reply["digest"]] += 1
            assert json.loads(store.get(reply["request"]))["model"] == f"sha256:{reply['digest']}"
        for result in rows(store, "results"):
            assert json.loads(store.get(result["reply"]))["request"] == result["request"]
        return list(found.values())

    def test_a_model_that_is_created_anew_in_mid_run(self, client_name, server, store):
        before = server.models["llama3.2:latest"]
        answered_by = {}

        def created_anew(model, number):
            if number == 10:
                server.repull("llama3.2")
            answered_by[number] = server.models[model]

        server.on_chat = created_anew
        server.delay = 0.01
        given = [{"a": number} for number in range(30)]
        _, report = ask(store, "llama3.2", "{a}", query=None, rows=given, jobs=2)
        after = server.models["llama3.2:latest"]
        # Nothing has a digest that is not its own: nine replies at most are of the old one, and 21 of the new.
        old, new, unknown = self.checked(store, before, after)
        assert old <= 9
        assert new <= 21
        assert old + new + unknown == 30
        assert unknown <= 8
        assert (report.digest, report.outcome) == (after, "complete")
        assert [
            f"became another version during the run ({before[:12]} before, {after[:12]} after)" in note
            for note in report.notes
        ] == [True]
        _, report = ask(store, "llama3.2", "{a}", query=None, rows=given)
        assert (report.present, report.new) == (new, 30 - new)

    def test_a_model_that_is_created_anew_while_the_server_is_away(self, client_name, server, store):
        before = server.models["llama3.2:latest"]
        server.delay = 0.01
        run = lakebed.prompt(store, "llama3.2", "{a}", rows=[{"a": number} for number in range(12)], jobs=1)
        run._breaker._first_delay = 0.05
        next(run)
        server.stop()
        server.repull("llama3.2")
        server.start()
        assert len(list(run)) == 11
        old, new, unknown = self.checked(store, before, server.models["llama3.2:latest"])
        assert old + new + unknown == 12
        assert new >= 10
        assert unknown <= 1

    def test_a_change_at_the_end_is_said(self, server, store):
        run = lakebed.prompt(store, "llama3.2", "x")
        next(run)
        server.repull("llama3.2")
        assert list(run) == []
        assert "became another version" in run.report.notes[0]

    def test_a_model_that_is_gone_is_said(self, server, store):
        run = lakebed.prompt(store, "llama3.2", "x")
        next(run)
        del server.models["llama3.2:latest"]
        list(run)
        assert "is no longer on the server" in run.report.notes[0]

    def test_chats_notice_it_too(self, client_name, server, store):
        before = server.models["llama3.2:latest"]
        with lakebed.Ollama(store) as ollama:
            ollama.chat("llama3.2", "a").read()
            server.on_chat = lambda model, number: server.repull("llama3.2")
            during = ollama.chat("llama3.2", "b")
            during.read()
            server.on_chat = None
            ollama.chat("llama3.2", "c").read()
        after = server.models["llama3.2:latest"]
        assert [reply["digest"] for reply in rows(store, "_replies")] == [before, "", after]
        assert json.loads(store.get(during.reply))["request"] == str(during.request)


class TestCosts:
    def test_failed_requests_are_counted(self, client_name, server, store):
        (_,), report = ask(store, server.add("flaky-500-2"), "x", query=None)
        assert (report.asked, report.new) == (3, 1)
        (_,), report = ask(store, "error-400", "x", query=None)
        assert (report.asked, report.new, report.errors, report.prompt_tokens, report.reply_tokens) == (1, 0, 1, 0, 0)
        # Three attempts, each with a prompt of 100 tokens and one token of reply before the end.
        (_,), report = ask(store, "crash", LONG, query=None)
        assert (report.asked, report.reply_tokens) == (3, 3)
        assert 270 <= report.prompt_tokens <= 450
        # A reply that is not of the format is counted by the server.
        (_,), report = ask(store, "prose", LONG, query=None, format="json")
        assert (report.asked, report.prompt_tokens, report.reply_tokens) == (2, 200, 4)
        ended = [row for row in rows(store, "_runs") if row["event"] == "end"][-1]
        assert (ended["asked"], ended["prompt_tokens"], ended["reply_tokens"]) == (2, 200, 4)

    def test_stopped_requests_are_counted(self, client_name, server, store):
        run = lakebed.prompt(store, "drip", "{a}", rows=[{"a": f"{n} " * 400} for n in range(2)], jobs=2)
        with run:
            eventually_stops = time.monotonic() + 0.5
            run._begin()
            run._take_rows()
            while time.monotonic() < eventually_stops:
                time.sleep(0.01)
        assert run.report.outcome == "interrupted"
        assert run.report.asked == 2
        assert run.report.reply_tokens >= 2
        assert run.report.prompt_tokens >= 200
        assert rows(store, "_runs")[-1]["reply_tokens"] == run.report.reply_tokens

    def test_a_run_that_is_killed_has_its_counts(self, server, store, path):
        server.delay = 0.01
        store.append("issues", [{"title": f"title {number}"} for number in range(300)])
        store.commit()
        command = [
            sys.executable,
            "-m",
            "lakebed",
            "prompt",
            "llama3.2",
            "{title}",
            "--from",
            TITLES.replace(" ORDER BY id", ""),
        ]
        process = subprocess.Popen(
            [*command, "--store", str(path)], env={**os.environ, "OLLAMA_HOST": server.url}, stdout=subprocess.DEVNULL
        )
        eventually(lambda: sum(server.answered.values()) >= 100, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with lakebed.connect(store) as con:
            lakebed.refresh(con)
            (found,) = con.execute("SELECT status, ended, asked, new, prompt_tokens, reply_tokens FROM runs").fetchall()
        status, ended, asked, new, prompt_tokens, reply_tokens = found
        assert (status, ended) == ("interrupted", None)
        assert 1 <= new <= asked <= sum(server.asked.values())
        assert prompt_tokens >= new
        assert reply_tokens >= new

"""Runs from Python when something goes wrong: failing rows, servers in trouble, runs that are stopped."""

from __future__ import annotations

import json
import threading
import time

import pytest

import lakebed
from lakebed.prompts.client import Timeouts
from tests.prompts.conftest import eventually
from tests.prompts.runs import TITLES, ask, rows


class TestTrouble:
    @pytest.mark.parametrize(
        ("model", "kind", "times"),
        [
            ("error-400", "ollama_refused", 1),
            ("error-403", "ollama_refused", 1),
            ("error-500", "ollama_failed", 3),
            ("error-502", "ollama_failed", 3),
            ("crash", "ollama_failed", 3),
            ("midstream", "ollama_failed", 1),
            ("eof", "reply_cut", 2),
            ("cut", "reply_cut", 2),
            ("html", "not_ollama", 1),
            ("badutf8", "reply_garbled", 1),
            ("giant", "reply_too_large", 1),
            ("small", "prompt_too_long", 1),
        ],
    )
    def test_a_row_that_fails_is_a_row_and_is_tried_as_often_as_it_is_worth(
        self, client_name, server, store, model, kind, times
    ):
        (result,), report = ask(store, model, "{a}", query=None, rows=[{"a": "word" * 100}])
        assert (report.outcome, report.errors) == ("errors", 1)
        assert (result.error.kind, result.reply, result.text) == (kind, None, None)
        assert result.error.message.startswith("Row 1: ")
        assert sum(server.asked.values()) == times
        assert "_replies" not in [info.name for info in store.collections()]
        assert rows(store, "results")[0]["error"]["kind"] == kind
        assert json.loads(store.get(result.request))["messages"]

    def test_failed_rows_are_asked_again_by_the_next_run(self, client_name, server, store):
        model = server.add("flakyeof-2")
        _, report = ask(store, model, "x", query=None)
        assert report.errors == 1
        (result,), report = ask(store, model, "x", query=None)
        assert (report.asked, result.text) == (1, "You said: x")
        assert [row["error"] is None for row in rows(store, "results")] == [False, True]
        _, report = ask(store, model, "x", query=None)
        assert report.present == 1

    def test_a_failure_that_passes_is_no_error(self, client_name, server, store):
        for name in ("flaky-500-2", "flaky-502-1", "flakyeof-1", "flaky-503-3", "flaky-429-2"):
            (result,), report = ask(store, server.add(name), "x", query=None)
            assert (result.text, report.errors) == ("You said: x", 0), name
            assert json.loads(store.get(result.reply))["attempts"] == int(name[-1]) + 1

    def test_retry_after_is_obeyed(self, server, store):
        server.retry_after = "1"
        start = time.monotonic()
        ask(store, server.add("flaky-503-1"), "x", query=None)
        assert time.monotonic() - start >= 1

    @pytest.mark.parametrize("until", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_no_server_makes_a_run_wait_longer_than_it_was_told_to(self, server, store, until):
        server.retry_after = until
        (result,), _ = ask(store, server.add("flaky-502-1"), "x", query=None, wait=0.3)
        assert result.text == "You said: x"
        with pytest.raises(lakebed.OllamaBusy):
            ask(store, server.add("flaky-503-9"), "x", query=None, wait=0.3)

    def test_one_bad_row_does_not_end_the_run_and_many_do(self, server, store):
        given = [{"a": "word" * 100 if number % 2 else f"{number}"} for number in range(20)]
        results, report = ask(store, "small", "{a}", query=None, rows=given, max_errors=100)
        assert (report.errors, report.new, len(results)) == (10, 10, 20)
        # The bad rows have one prompt: those that come after its error is stored send it again.
        assert 11 <= report.asked <= 20
        # Each with a prompt of its own: rows that wait for the same request fail together.
        given = [{"a": f"{number}" + " word" * 100 * (number % 2)} for number in range(20)]
        _, report = ask(store, "small", "{a}!", query=None, rows=given, max_errors=3, jobs=1)
        assert report.outcome == "too_many_errors"
        assert report.errors < 6

    def test_a_server_that_goes_away_is_waited_for(self, client_name, server, issues):
        server.delay = 0.01
        run = lakebed.prompt(issues, "llama3.2", "Say {title}", TITLES)
        run._breaker._first_delay = 0.05
        next(run)
        server.stop()
        threading.Timer(0.5, server.start).start()
        results = list(run)
        assert run.report.outcome == "complete"
        assert run.report.errors == 0
        assert len(results) == 11
        replies = [row["request"] for row in rows(issues, "_replies")]
        assert len(set(replies)) == len(replies) == 11

    def test_a_server_that_stays_away_ends_the_run_and_no_row_is_at_fault(self, client_name, server, issues):
        server.delay = 0.05
        run = lakebed.prompt(issues, "llama3.2", "Say {title}", TITLES, wait=0.3)
        run._breaker._first_delay = 0.05
        next(run)
        server.stop()
        with pytest.raises(lakebed.OllamaUnreachable, match="ollama serve"):
            list(run)
        assert (run.report.outcome, run.report.errors) == ("server_lost", 0)
        assert all(row["error"] is None for row in rows(issues, "results"))
        # Of which version the last replies are could not be asked: they are stored, and sent again.
        unknown = [row for row in rows(issues, "_replies") if not row["digest"]]
        assert len(unknown) <= 2
        assert [f"{len(unknown)} repl" in note for note in run.report.notes] == [True] * bool(unknown)
        server.start()
        _, report = ask(issues)
        assert report.outcome == "complete"
        assert len(rows(issues, "results")) == 12 + len(unknown)

    def test_a_server_that_stalls_pauses_the_run(self, client_name, server, store):
        waits = Timeouts(connect=1, first=0.2, stall=0.2)
        run = lakebed.prompt(store, "stall", "x", wait=0.5, timeouts=waits)
        run._breaker._first_delay = 0.05
        with pytest.raises(lakebed.OllamaStalled):
            list(run)
        assert server.asked["stall", "x"] >= 2
        assert "results" not in [info.name for info in store.collections()]

    def test_no_more_requests_than_allowed_are_under_way(self, client_name, server, issues):
        for jobs in (1, 3):
            server.peak = 0
            ask(issues, "slow", jobs=jobs, fresh=True)
            assert server.peak == jobs

    def test_rows_are_taken_only_as_they_are_asked(self, server, store):
        taken = []

        def endless():
            while True:
                taken.append(1)
                yield {"a": len(taken)}

        with lakebed.prompt(store, "llama3.2", "{a}", rows=endless(), jobs=2) as run:
            for _ in range(5):
                next(run)
        assert len(taken) < 50
        assert run.report.outcome == "interrupted"
        assert server.active == 0

    def test_finish_completes_what_is_under_way(self, client_name, server, issues):
        run = lakebed.prompt(issues, "slow", "Say {title}", TITLES, jobs=2)
        next(run)
        run.finish()
        with pytest.raises(lakebed.Interrupted, match="goes on from there"):
            list(run)
        assert run.report.outcome == "interrupted"
        assert sum(server.answered.values()) == sum(server.asked.values()) == len(rows(issues, "_replies"))
        assert rows(issues, "_runs")[-1]["outcome"] == "interrupted"

    def test_abort_stops_at_once(self, client_name, server, issues):
        run = lakebed.prompt(issues, "stall", "Say {title}", TITLES, jobs=2)
        threading.Timer(0.2, run.abort).start()
        with pytest.raises(lakebed.Interrupted):
            list(run)
        eventually(lambda: server.active == 0)
        _, report = ask(issues, "llama3.2")
        assert report.asked == 11

    def test_rows_that_were_under_way_when_it_stopped_are_not_done(self, server, store):
        run = lakebed.prompt(store, "stall", "Say {a}", rows=[{"a": 1}, {"a": 2}])
        threading.Timer(0.2, run.abort).start()
        with pytest.raises(lakebed.Interrupted):
            list(run)
        assert run.report.outcome == rows(store, "_runs")[-1]["outcome"] == "interrupted"

    def test_a_run_that_was_to_finish_and_did_is_complete(self, server, store):
        run = lakebed.prompt(store, "slow", "Say {a}", rows=[{"a": 1}, {"a": 2}])

        def finish():
            eventually(lambda: server.active == 2)
            run.finish()

        threading.Thread(target=finish).start()
        assert len(list(run)) == 2
        assert run.report.outcome == "complete"

    def test_an_iterator_left_behind_stops_asking(self, server, issues):
        server.delay = 0.05
        run = lakebed.prompt(issues, "llama3.2", "Say {title}", TITLES)
        next(run)
        del run
        eventually(lambda: server.active == 0)
        asked = sum(server.asked.values())
        time.sleep(0.2)
        assert sum(server.asked.values()) == asked <= 6
        assert rows(issues, "_runs")[-1]["outcome"] == "interrupted"

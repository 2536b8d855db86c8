"""Runs from Python: what is sent, what is stored, what a second run does, what is refused."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

import lakebed
from lakebed.prompts import dry_run
from tests.prompts.runs import SCHEMA, TITLES, ask, rows


class TestWhatIsStored:
    def test_each_row_gets_its_result_and_equal_prompts_are_asked_once(self, client_name, server, issues):
        results, report = ask(issues)
        assert (report.outcome, report.rows, report.asked, report.cached, report.errors) == ("complete", 12, 11, 1, 0)
        assert sum(server.asked.values()) == 11
        assert sorted(result.n for result in results) == list(range(1, 13))
        for result in results:
            assert result.text == f"You said: Say {result.input['title']}"
            assert result.error is None
        stored = rows(issues, "results")
        assert len(stored) == 12
        assert list(stored[0]) == ["run", "n", "input", "sources", "request", "reply", "text", "value", "error"]
        assert {row["run"] for row in stored} == {report.run}
        for row in stored:
            request, reply = json.loads(issues.get(row["request"])), json.loads(issues.get(row["reply"]))
            assert request["messages"] == [{"content": f"Say {row['input']['title']}", "role": "user"}]
            assert request["model"] == f"sha256:{server.models['llama3.2:latest']}"
            assert (reply["request"], reply["text"], reply["done_reason"]) == (row["request"], row["text"], "stop")
            assert reply["stats"]["eval_count"] > 0
        assert len(rows(issues, "_requests")) == len(rows(issues, "_replies")) == 11

    def test_it_is_committed_when_the_result_is_given(self, server, issues, path):
        with lakebed.prompt(issues, "llama3.2", "Say {title}", TITLES) as run:
            result = next(run)
            assert result.reply is not None
            with lakebed.open(path, "r") as other:
                assert result.reply in other
                assert result.n in [row["n"] for row in rows(other, "results")]

    def test_sources_are_the_input_rows(self, server, issues):
        results, report = ask(
            issues, query="SELECT i.title, j.id FROM issues AS i JOIN issues j ON j.id = i.id + 1 WHERE i.price > 1"
        )
        known = {row.seq: str(row.hash) for row in issues.scan("issues")}
        for result in results:
            left, right = result.sources
            assert (left.collection, right.seq) == ("issues", left.seq + 1)
            assert known[left.seq] == str(left.hash)
        assert report.notes == ()

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ("SELECT title, count(*) FROM issues GROUP BY title", "groups rows"),
            ("SELECT DISTINCT title FROM issues", "DISTINCT"),
            ("SELECT max(title) AS title FROM issues", "combines rows"),
            ("SELECT title FROM issues UNION SELECT title FROM issues", "combines several"),
            ("SELECT title FROM (SELECT title FROM issues)", "something else than collections"),
            ("WITH x AS (FROM issues) SELECT title FROM x", "has a WITH"),
            ("SELECT 'a' AS title", "no"),
        ],
    )
    def test_it_is_said_when_sources_are_not_known(self, server, issues, query, why):
        results, report = ask(issues, query=query)
        assert results
        assert all(result.sources == () for result in results)
        assert why in report.notes[0]

    def test_queries_that_pick_rows_keep_their_sources(self, server, issues):
        for query in (
            "FROM issues SELECT title WHERE id % 2 = 0 ORDER BY title DESC LIMIT 3;",
            'SELECT "title" FROM data.issues AS "t t"',
            "SELECT title, row_number() OVER (ORDER BY id) AS r FROM main.issues -- a comment",
            "SELECT * EXCLUDE (_json) FROM issues",
        ):
            results, report = ask(issues, query=query)
            assert report.notes == (), query
            assert all(len(result.sources) == 1 for result in results)

    def test_values_keep_their_digits_and_odd_ones_are_null(self, server, store):
        query = (
            "SELECT 12345678901234567890123::HUGEINT AS h, 1.50::DECIMAL(9,2) AS d, 'nan'::DOUBLE AS f, 'ab'::BLOB AS b, "
            "DATE '2026-01-02' AS day"
        )
        (result,), _ = ask(store, template="{h} {day} {f}|{b}", query=query)
        assert result.text == "You said: 12345678901234567890123 2026-01-02 |YWI="
        assert b'"h":12345678901234567890123,' in next(iter(store.scan("results"))).data
        assert result.input["f"] is None

    def test_rows_from_python(self, server, store):
        given = ({"title": f"row {number}", "tags": ["a"]} for number in range(3))
        results, _ = ask(store, template="{title} {tags.0}", query=None, rows=given, into="mine")
        assert sorted(result.text for result in results) == [f"You said: row {number} a" for number in range(3)]
        assert len(rows(store, "mine")) == 3
        (single,), _ = ask(store, template="Hello", query=None)
        assert single.text == "You said: Hello"
        _, report = ask(store, template="{a}", query=None, rows=[{"a": 1}, {"b": 2}], jobs=1)
        assert report.errors == 1

    def test_into_none_stores_replies_alone(self, server, issues):
        results, _ = ask(issues, into=None)
        assert len(results) == 12
        assert "results" not in [info.name for info in issues.collections()]
        assert len(rows(issues, "_replies")) == 11

    def test_images_are_blobs(self, client_name, server, store):
        hash = store.put(b"an image of 20 bytes")
        (result,), _ = ask(store, "vision", "Look", query=f"SELECT '{hash}' AS picture", image="picture")
        assert result.text == "You said: Look [image of 20 bytes]"
        assert json.loads(store.get(result.request))["messages"][0]["images"] == [str(hash)]
        (other,), _ = ask(store, "vision", "Look", query="SELECT 'new image'::BLOB AS picture", image="picture")
        assert other.text == "You said: Look [image of 9 bytes]"
        assert store.get(other.input["picture"]) == b"new image"
        (both,), _ = ask(
            store, "vision", "Look", query=f"SELECT ['{hash}', '{other.input['picture']}'] AS picture", image="picture"
        )
        assert both.text == "You said: Look [image of 20 bytes] [image of 9 bytes]"
        (wrong,), _ = ask(store, "vision", "Look", query="SELECT 'ffff' AS picture", image="picture")
        assert wrong.error.kind == "blob_not_found"

    def test_thinking_tools_and_length_are_kept(self, client_name, server, store):
        (thought,), _ = ask(store, "thinker", "Hm", query=None, think=True)
        assert (thought.text, thought.thinking) == ("You said: Hm", "Let me see.")
        (called,), _ = ask(store, "tools", "Hm", query=None)
        assert json.loads(store.get(called.reply))["tool_calls"][0]["function"]["arguments"] == {
            "where": "Zürich",
            "n": 1,
        }
        (cut,), report = ask(store, "length", "one two three", query=None, options={"num_predict": 2})
        assert (cut.text, cut.done_reason, cut.error, report.cut) == ("You said:", "length", None, 1)

    def test_saved_templates_are_versions(self, server, issues):
        ask(issues, template="Say {title}", system="Be brief", save="say", query=TITLES + " LIMIT 1")
        first = next(iter(issues.scan("_prompts"))).hash
        ask(issues, template="Shout {title}", save="say", query=TITLES + " LIMIT 1")
        (newest,), _ = ask(issues, template="@say", query=TITLES + " LIMIT 1 OFFSET 3", into="a")
        (older,), _ = ask(issues, template=f"@say:{str(first)[:8]}", query=TITLES + " LIMIT 1 OFFSET 3", into="a")
        assert (newest.text, older.text) == ("You said: Shout title 3", "You said: Say title 3")
        assert json.loads(issues.get(older.request))["messages"][0] == {"content": "Be brief", "role": "system"}
        with pytest.raises(lakebed.InvalidArgument, match=r"no saved template @nope; there is say"):
            ask(issues, template="@nope")

    def test_credentials_are_nowhere_in_the_store(self, server, issues, path, monkeypatch):
        monkeypatch.setenv("OLLAMA_API_KEY", "key-of-mine")
        monkeypatch.setenv("OLLAMA_HOST", server.url.replace("//", "//me:passw0rd@"))
        ask(issues)
        ask(issues, "error-401")
        text = b"".join(row.data for info in issues.collections() for row in issues.scan(info.name))
        for secret in (b"key-of-mine", b"passw0rd", b"a2V5"):
            assert secret not in text


class TestAgain:
    def test_the_same_again_asks_and_adds_nothing(self, client_name, server, issues):
        ask(issues)
        results, report = ask(issues)
        assert (results, report.present, report.asked) == ([], 12, 0)
        assert sum(server.asked.values()) == 11
        assert len(rows(issues, "results")) == 12

    def test_only_what_is_missing_is_asked(self, server, issues):
        ask(issues, query=TITLES + " LIMIT 4")
        issues.append("issues", [{"id": 12, "title": "title 12", "user": None, "price": 2}])
        results, report = ask(issues)
        assert (report.present, report.asked, report.cached, len(results)) == (4, 8, 1, 9)

    def test_another_collection_is_filled_without_asking(self, server, issues):
        ask(issues)
        results, report = ask(issues, into="copies")
        assert (report.asked, report.cached) == (0, 12)
        assert all(result.cached for result in results)
        assert len(rows(issues, "copies")) == 12

    def test_equal_rows_get_a_result_each(self, server, store):
        given = [{"a": "x"}] * 3
        ask(store, template="{a}", query=None, rows=given)
        assert len(rows(store, "results")) == 3
        _, report = ask(store, template="{a}", query=None, rows=[*given, {"a": "x"}])
        assert (report.present, report.cached, sum(server.asked.values())) == (3, 1, 1)

    def test_the_order_of_columns_and_the_form_of_numbers_make_no_other_row(self, server, issues):
        ask(issues, query="SELECT id, title FROM issues")
        issues.append("issues", [{"id": 12, "title": "title 3"}])
        _, report = ask(issues, query="SELECT title, id FROM issues ORDER BY id DESC")
        assert (report.present, report.cached, report.asked) == (12, 1, 0)
        for _ in range(2):
            _, report = ask(issues, query="SELECT id, title FROM issues")
            assert (report.present, report.asked) == (13, 0)

    def test_results_as_input_are_recognised(self, server, issues):
        ask(issues)
        for expected in ((0, 12), (12, 0)):
            _, report = ask(
                issues, template="Repeat {text}", query="SELECT * EXCLUDE (_ingested_at) FROM results", into="more"
            )
            assert (report.present, report.asked + report.cached) == expected

    def test_rows_that_others_wrote_into_the_collection_are_passed_over(self, server, issues):
        issues.append("results", [{"run": "x"}, {"input": 1, "error": None}, [1], 2])
        for expected in ((0, 12), (12, 0)):
            _, report = ask(issues)
            assert (report.present, report.asked + report.cached) == expected

    def test_fresh_asks_again_and_keeps_both(self, server, issues):
        first, _ = ask(issues)
        again, report = ask(issues, fresh=True)
        assert report.asked == 11
        assert {one.request for one in first} == {one.request for one in again}
        assert not {one.reply for one in first} & {one.reply for one in again}
        assert len(rows(issues, "_replies")) == 22

    def test_other_settings_are_other_requests(self, server, issues):
        ask(issues)
        for more in ({"system": "x"}, {"options": {"seed": 1}}, {"think": False}, {"format": "json"}):
            _, report = ask(issues, "llama3.2" if "format" not in more else "json", **more)
            assert report.asked == 11, more
        _, report = ask(issues, keep_alive="1m", jobs=7, into="other")
        assert report.asked == 0

    def test_another_version_of_the_model_is_told_and_older_replies_are_accepted_on_demand(self, server, issues):
        ask(issues)
        server.repull("llama3.2")
        _, report = ask(issues, query=TITLES + " LIMIT 2", any_digest=True, into="other")
        assert (report.asked, report.cached) == (0, 2)
        assert "another version" in report.notes[0]
        _, report = ask(issues, into="new")
        assert report.asked == 11
        _, report = ask(issues, into="new")
        assert report.notes == ()

    def test_two_runs_at_once_store_each_reply_once(self, server, issues, path):
        server.delay = 0.01

        def other():
            with lakebed.open(path) as store:
                ask(store, into="theirs", jobs=3)

        thread = threading.Thread(target=other)
        thread.start()
        ask(issues, jobs=3)
        thread.join()
        issues.refresh()
        replies = [row["request"] for row in rows(issues, "_replies")]
        assert len(replies) == len(set(replies)) == 11
        assert len(rows(issues, "results")) == len(rows(issues, "theirs")) == 12
        assert {row["reply"] for row in rows(issues, "theirs")} == {str(row.hash) for row in issues.scan("_replies")}


class TestRefusals:
    def test_before_anything_is_asked(self, server, issues):
        wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"model": "nope"}, lakebed.ModelMissing, "ollama pull nope"),
            ({"model": ""}, lakebed.InvalidArgument, "no model"),
            ({"model": "embedder"}, lakebed.InvalidArgument, "cannot chat"),
            ({"think": True}, lakebed.InvalidArgument, "cannot think"),
            ({"image": "title"}, lakebed.InvalidArgument, "cannot see images"),
            ({"template": "{titel}"}, lakebed.InvalidArgument, "did you mean title"),
            ({"template": "{user.nam}", "query": "FROM issues"}, lakebed.InvalidArgument, "did you mean name"),
            ({"options": {"num_cxt": 1}}, lakebed.InvalidArgument, "did you mean num_ctx"),
            ({"format": {"type": "x"}}, lakebed.InvalidArgument, "no valid JSON schema"),
            ({"query": "DROP TABLE issues"}, lakebed.InvalidArgument, "one SELECT"),
            ({"jobs": 0}, lakebed.InvalidArgument, "from 1 to 256"),
            ({"into": "_replies"}, lakebed.InvalidArgument, "lakebed's own"),
            ({"rows": []}, lakebed.InvalidArgument, "not both"),
            ({"model": "big:cloud"}, lakebed.CloudRefused, "allow"),
            ({"model": "remote"}, lakebed.CloudRefused, r"runs at https://ollama\.com:443"),
        ]
        for more, cls, message in wrong:
            with pytest.raises(cls, match=message):
                ask(issues, **more)
        assert not server.chats
        assert [info.name for info in issues.collections()] == ["issues"]

    def test_cloud_models_are_asked_when_allowed_and_a_surprise_is_an_error(self, server, store):
        (result,), _ = ask(store, "big:cloud", "x", query=None, allow_cloud=True)
        assert result.text == "You said: x"
        (result,), _ = ask(store, "sneaky", "x", query=None)
        assert result.error.kind == "cloud_refused"

    def test_options_are_the_same_for_all_rows_and_nothing_is_cut_silently(self, server, issues):
        ask(issues, options={"num_ctx": "8192", "temperature": 0}, keep_alive="10m", jobs=3)
        assert server.reloads == 0
        for chat in server.chats:
            assert chat["options"] == {"num_ctx": 8192, "temperature": 0.0}
            assert (chat["truncate"], chat["stream"], chat["keep_alive"], chat["model"]) == (
                False,
                True,
                "10m",
                "llama3.2:latest",
            )
            assert "shift" not in chat


class TestSchemas:
    def test_values_are_checked_and_stored(self, client_name, server, store):
        (result,), _ = ask(store, "json", "x", query=None, format=SCHEMA)
        assert result.value == {"mood": "good"}
        assert rows(store, "results")[0]["value"] == {"mood": "good"}
        assert server.chats[-1]["format"] == SCHEMA

    def test_a_reply_that_does_not_fit_is_asked_for_once_more(self, server, store):
        (result,), _ = ask(store, "proseonce", "x", query=None, format=SCHEMA)
        assert (result.value, server.asked["proseonce", "x"]) == ({"mood": "good"}, 2)
        (result,), _ = ask(store, "prose", "x", query=None, format="json")
        assert (result.error.kind, result.reply, result.text) == ("reply_invalid", None, "Sure! Here is your JSON.")
        assert server.asked["prose", "x"] == 2
        assert len(rows(store, "_replies")) == 1


class TestDryRun:
    def test_it_says_what_would_be_done_and_does_nothing(self, server, issues, path):
        ask(issues, query=TITLES + " LIMIT 5")
        asked = sum(server.asked.values())
        commit = issues.stats().commit
        planned = dry_run(issues, "llama3.2", "Say {title}", TITLES)
        assert (planned.rows, planned.distinct, planned.answered, planned.present) == (12, 11, 5, 5)
        assert planned.first_prompt == "Say title 0"
        assert planned.prompt_tokens > 0
        assert planned.reachable
        server.stop()
        offline = dry_run(issues, "llama3.2", "Say {title}", TITLES)
        assert (offline.reachable, offline.answered, offline.digest) == (False, 5, planned.digest)
        assert "ollama serve" in offline.notes[0]
        assert (sum(server.asked.values()), issues.stats().commit) == (asked, commit)

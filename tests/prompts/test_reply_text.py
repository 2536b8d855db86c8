"""What of a model's text is the reply: thoughts and fences are cut, an empty reply is none."""

from __future__ import annotations

import json

import pytest

import lakebed
from lakebed.prompts.reply_text import ThoughtFilter, split_reply
from tests.cli.conftest import on_terminal, place, run
from tests.prompts.runs import SCHEMA, ask, rows

__all__ = ["on_terminal", "place", "run"]


@pytest.mark.parametrize(
    ("raw", "text", "thinking"),
    [
        ("plain", "plain", ""),
        ("<think>a\nb</think>\n\ntext", "text", "a\nb"),
        ("\n <think></think>text ", "text ", ""),
        ("<think>a</think>b<think>c</think>", "b<think>c</think>", "a"),
        ("<think>no end", "", "no end"),
        ("a thought\n</think>\n\ntext", "text", "a thought"),
        ("The tag </think> ends it.", "The tag </think> ends it.", ""),
        ("Write <think>x</think>.", "Write <think>x</think>.", ""),
        ('```json\n{"a": 1}\n```', '{"a": 1}', ""),
        ('<think>x</think>\n```JSON\n{"a": 1}\n```\n', '{"a": 1}', "x"),
        ("```python\nx = 1\n```", "```python\nx = 1\n```", ""),
        ("```\n1\n```", "```\n1\n```", ""),
        ("```json\n1\n```\nand\n```json\n2\n```", "```json\n1\n```\nand\n```json\n2\n```", ""),
        ("Here:\n```json\n1\n```", "Here:\n```json\n1\n```", ""),
    ],
)
def test_thoughts_and_fences_are_cut(raw, text, thinking):
    assert split_reply(raw) == (text, thinking)
    shown = ThoughtFilter()
    pieces = "".join(shown.feed(letter) for letter in raw) + shown.end()
    if "`" not in raw and not raw.startswith("a thought"):
        assert pieces == text


@pytest.mark.parametrize("raw", ["```\n[1]\n```", "Here:\n```json\n[1]\n```\nDone.", "[1]", "~~~json\r\n[1]\r\n~~~"])
def test_with_a_format_any_fence_is_cut(raw):
    assert json.loads(split_reply(raw, json=True).text) == [1]


def test_a_fence_within_a_fence_stays():
    raw = "```json\na\n```\nb\n```json\nc\n```"
    assert split_reply(raw, json=True) == (raw, "")


def test_thoughts_in_the_text_are_kept_apart(client_name, server, store):
    (result,), _ = ask(store, "tagged", "x", query=None)
    assert (result.text, result.thinking) == ("You said: x", "Let me see: a < b.")
    (reply,) = rows(store, "_replies")
    assert (reply["text"], reply["thinking"]) == (result.text, result.thinking)
    assert rows(store, "results")[0]["text"] == "You said: x"
    (raw,), report = ask(store, "tagged", "x", query=None, into="raw", raw=True)
    assert raw.text == reply["raw"] == "<think>\nLet me see: a < b.\n</think>\n\nYou said: x"
    assert (report.cached, server.asked["tagged", "x"]) == (1, 1)
    (cut,), _ = ask(store, "tagcut", "x", query=None)
    assert (cut.error.kind, cut.error.thinking) == ("thinking_cut", "Let me see")


def test_json_is_taken_out_of_its_fence(client_name, server, store):
    for model in ("fenced", "wordy"):
        (result,), _ = ask(store, model, "x", query=None, format=SCHEMA)
        assert (result.value, result.text) == ({"mood": "good"}, '{"mood": "good"}')
        (cached,), _ = ask(store, model, "x", query=None, format=SCHEMA, into="again")
        assert (cached.value, server.asked[model, "x"]) == ({"mood": "good"}, 1)
        (raw,), _ = ask(store, model, "x", query=None, format=SCHEMA, into="raw", raw=True)
        assert (raw.value, "```json" in raw.text) == ({"mood": "good"}, True)
    (loose,), _ = ask(store, "fenced", "y", query=None)
    assert loose.text == '{"mood": "good"}'


def test_an_empty_reply_is_an_error_that_is_asked_again_once(client_name, server, store):
    (result,), report = ask(store, "silent", "x", query=None)
    assert (result.error.kind, report.errors, server.asked["silent", "x"]) == ("reply_empty", 1, 2)
    assert "ended it at once" in result.error.message
    assert [one.kind for one in report.reasons] == ["reply_empty"]
    assert "_replies" not in [info.name for info in store.collections()]
    ask(store, "silent", "x", query=None)
    assert server.asked["silent", "x"] == 4
    (second,), _ = ask(store, "silentonce", "x", query=None)
    assert (second.text, server.asked["silentonce", "x"]) == ("You said: x", 2)


def test_what_older_versions_stored_is_read_so_too(server, store):
    (result,), _ = ask(store, template="x", query=None)
    (reply,) = rows(store, "_replies")
    request, model = reply["request"], reply["model"]
    with lakebed.Ollama(store) as ollama:
        # As an older version stored it: the text as it came.
        thought = {**reply, "text": "<think>old</think>\nnew", "asked_at": "later"}
        store.append("_replies", [thought])
        store.commit()
        chat = ollama.chat(model, "x")
        assert (chat.read(), chat.thinking, chat.cached) == ("new", "old", True)
        assert ollama.chat(model, "x", raw=True).read() == thought["text"]
    (again,), report = ask(store, template="x", query=None, into="other")
    assert (again.text, again.thinking, report.cached) == ("new", "old", 1)
    # An empty reply is no answer, and its result is not one.
    other, _ = ask(store, template="y", query=None)
    empty = {**rows(store, "_replies")[-1], "text": "", "asked_at": "even later"}
    hash = lakebed.Hash.of(lakebed.to_json(empty))
    row = {**rows(store, "results")[-1], "text": "", "reply": str(hash)}
    for one in (result, other[0]):
        store.delete(next(found.hash for found in store.scan("results") if found.json()["n"] == one.n))
    store.append("_replies", [empty])
    store.append("results", [row])
    store.delete(other[0].reply)
    store.commit()
    assert row["request"] != request
    (filled,), report = ask(store, template="y", query=None)
    assert (filled.text, report.present, report.cached) == ("You said: y", 0, 0)


def test_chats_are_split_too(client_name, server, store):
    with lakebed.Ollama(store) as ollama:
        chat = ollama.chat("tagged", "x")
        assert "".join(chat) == chat.text == "You said: x"
        assert chat.thinking == "Let me see: a < b."
        raw = ollama.chat("tagged", "x", raw=True, fresh=True)
        assert "".join(raw) == raw.text == "<think>\nLet me see: a < b.\n</think>\n\nYou said: x"
        with pytest.raises(lakebed.ReplyEmpty):
            ollama.chat("silent", "x").read()
        assert server.asked["silent", "x"] == 2
        assert ollama.chat("silentonce", "x").read() == "You said: x"


def test_the_command_hides_thoughts_unless_raw(run, on_terminal, server):
    assert on_terminal("prompt", "tagged", "x", "--no-store").text == "You said: x\n"
    assert on_terminal("prompt", "tagged", "x", "--no-store", "--raw").text.startswith("<think>\nLet me see")
    assert run("prompt", "tagged", "x", "--no-store", "--raw").rows[0]["text"].endswith("</think>\n\nYou said: x")

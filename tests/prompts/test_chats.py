"""Single chats, and that both clients store the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

import lakebed
from tests.prompts.runs import SCHEMA, ask


class TestChats:
    def test_a_chat_is_streamed_and_stored(self, client_name, server, store, path):
        with lakebed.Ollama(store) as ollama:
            chat = ollama.chat("llama3.2", "Why is the sky blue?")
            assert list(chat) == ["You", " said:", " Why", " is", " the", " sky", " blue?"]
            assert json.loads(store.get(chat.reply))["text"] == chat.text
            again = ollama.chat("llama3.2", "Why is the sky blue?")
            assert (again.read(), again.cached, again.reply) == (chat.text, True, chat.reply)
            assert not ollama.chat("llama3.2", "Why is the sky blue?", fresh=True).cached
        _, report = ask(store, template="Why is the sky blue?", query=None)
        assert report.cached == 1

    def test_messages_formats_and_images(self, server, store):
        with lakebed.Ollama(store) as ollama:
            messages: list[dict[str, Any]] = [
                {"role": "system", "content": "Be brief"},
                {"role": "user", "content": "x", "images": [b"12345"]},
            ]
            assert ollama.chat("vision", messages).read() == "You said: x [image of 5 bytes]"
            chat = ollama.chat("json", "x", format=SCHEMA)
            chat.read()
            assert chat.value == {"mood": "good"}
            with pytest.raises(lakebed.ReplyInvalid):
                ollama.chat("prose", "x", format="json").read()
            with pytest.raises(lakebed.InvalidArgument, match="A message has a role"):
                ollama.chat("llama3.2", [{"rôle": "user"}])

    def test_others_can_write_while_a_reply_comes(self, server, store, path):
        server.delay = 0.01
        with lakebed.Ollama(store) as ollama, lakebed.open(path, lock_timeout=0) as other:
            chat = ollama.chat("vision", [{"role": "user", "content": "x", "images": [b"12345"]}])
            next(chat)
            other.append("theirs", [1])
            other.commit()
            chat.read()
            assert store.get(json.loads(store.get(chat.request))["messages"][0]["images"][0]) == b"12345"
            assert ollama.chat("vision", [{"role": "user", "content": "x", "images": [b"12345"]}]).read() == chat.text

    def test_half_a_reply_is_not_stored(self, client_name, server, store):
        with lakebed.Ollama(store) as ollama:
            chat = ollama.chat("drip", "a " * 100)
            next(chat)
            chat.close()
            with pytest.raises(lakebed.ReplyCut):
                ollama.chat("eof", "x").read()
        assert len(store) == 0

    def test_without_a_store_and_the_rest_of_the_api(self, client_name, server):
        with lakebed.Ollama() as ollama:
            assert (
                ollama.chat("vision", [{"role": "user", "content": "x", "images": [b"1"]}]).read()
                == "You said: x [image of 1 bytes]"
            )
            models = {model.name: model for model in ollama.models()}
            assert models["vision:latest"].loaded_context == 4096
            assert models["vision:latest"].capabilities == ("completion", "vision")
            assert models["big:cloud"].remote == "https://ollama.com:443"
            assert ollama.show("llama3.2")["capabilities"] == ["completion"]
            assert ollama.running()[0]["name"] == "vision:latest"
            assert ollama.version() == "0.33.0"
            seen: list[lakebed.Progress] = []
            ollama.pull("newone", progress=seen.append)
            assert (seen[-1].bytes, seen[-1].total_bytes) == (4_000_000, 4_000_000)


def test_both_clients_store_the_same_apart_from_times(server, tmp_path, monkeypatch):
    from tests.prompts.conftest import CLIENTS

    def stored(client):
        monkeypatch.setenv("LAKEBED_OLLAMA_CLIENT", client)
        with lakebed.open(tmp_path / client) as store:
            store.append("issues", [{"id": number, "title": f"title {number}"} for number in range(6)])
            for model in ("llama3.2", "thinker", "tools", "length", "multibyte", "huge", "eof", "error-400"):
                ask(store, model, jobs=1, options={"seed": 1}, max_errors=100)
            found = {}
            for name in ("_requests", "_replies", "results"):
                found[name] = [untimed(row.json()) for row in store.scan(name)]
            return found

    def untimed(row):
        for name in ("asked_at", "seconds", "first_seconds", "run", "reply"):
            row.pop(name, None)
        return row

    first, *others = [stored(client) for client in CLIENTS]
    assert len(first["_replies"]) == 6 * 6
    for other in others:
        assert other == first

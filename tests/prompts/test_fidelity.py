"""The fake server is like Ollama: the official client, as it is, understands it, and trips where it trips over
Ollama."""

from __future__ import annotations

import httpx
import ollama
import pytest


@pytest.fixture
def official(server):
    client = ollama.Client(host=server.url, timeout=5)
    yield client
    client._client.close()


def said(official, model, prompt="a b c", **more):
    return list(official.chat(model, [{"role": "user", "content": prompt}], stream=True, **more))


def text(chunks):
    return "".join(chunk.message.content or "" for chunk in chunks)


@pytest.mark.parametrize(
    "model", ["llama3.2", "instant", "bytes", "two", "drip", "slow", "split-1", "split-57", "nocounts"]
)
def test_plain_streams_are_understood(official, model):
    chunks = said(official, model)
    assert text(chunks) == "You said: a b c"
    assert chunks[-1].done
    assert chunks[-1].done_reason == "stop"
    assert (chunks[-1].eval_count is None) == (model == "nocounts")


def test_whole_answers_and_generate(official):
    whole = official.chat("llama3.2", [{"role": "user", "content": "hi"}])
    assert whole.message.content == "You said: hi"
    assert whole.prompt_eval_count
    streamed = list(official.generate("llama3.2", "hi there", stream=True))
    assert "".join(chunk.response for chunk in streamed) == "You said: hi there"
    assert streamed[-1].done


def test_characters_split_over_chunks_arrive_whole(official):
    assert text(said(official, "multibyte")) == "Zoë 値 😀 ok"


def test_thinking_comes_before_content(official):
    chunks = said(official, "thinker", think=True)
    assert [chunk.message.thinking for chunk in chunks[:2]] == ["Let me ", "see."]
    assert text(chunks) == "You said: a b c"
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        said(official, "llama3.2", think=True)


def test_tool_calls_come_in_the_last_frame(official):
    last = said(official, "tools")[-1]
    assert last.done
    assert last.message.tool_calls[0].function.arguments == {"where": "Zürich", "n": 1}


def test_length_is_said(official):
    chunks = said(official, "length", options={"num_predict": 1})
    assert chunks[-1].done_reason == "length"


def test_a_stream_without_end_looks_like_one_to_the_official_client(official):
    chunks = said(official, "eof")
    assert not any(chunk.done for chunk in chunks)


@pytest.mark.parametrize("code", [400, 401, 404, 429, 499, 500, 502, 503])
def test_errors_before_the_first_frame_have_their_status(official, code):
    with pytest.raises(ollama.ResponseError) as caught:
        said(official, f"error-{code}")
    assert caught.value.status_code == code
    assert caught.value.error


def test_a_refused_host_header_is_403_without_a_body(server):
    assert httpx.post(f"{server.url}/api/chat", json={"model": "error-403", "messages": [{"role": "user"}]}).text == ""


@pytest.mark.parametrize("model", ["midstream", "crash"])
def test_an_error_line_ends_the_stream(official, model):
    with pytest.raises(ollama.ResponseError) as caught:
        said(official, model)
    assert caught.value.status_code == -1


def test_a_cut_connection_and_a_stall_are_transport_errors(server, official):
    with pytest.raises(httpx.RemoteProtocolError):
        said(official, "cut")
    hasty = ollama.Client(host=server.url, timeout=0.2)
    with pytest.raises(httpx.ReadTimeout):
        said(hasty, "stall")
    with pytest.raises(httpx.ReadTimeout):
        said(hasty, "stallfirst")
    hasty._client.close()


def test_an_unknown_model_is_404_with_ollamas_words(official):
    with pytest.raises(ollama.ResponseError, match=r"model 'nope' not found") as caught:
        said(official, "nope")
    assert caught.value.status_code == 404


def test_prompts_beyond_the_context_are_cut_silently_unless_told(server, official):
    long = "word " * 100
    assert said(official, "small", long)[-1].prompt_eval_count == 34
    body = {"model": "small", "messages": [{"role": "user", "content": long}], "truncate": False}
    refused = httpx.post(f"{server.url}/api/chat", json=body)
    assert refused.status_code == 400
    assert "exceed_context_size" in refused.json()["error"]


def test_other_runner_options_reload_the_model(server, official):
    for options in ({"num_ctx": 8}, {"num_ctx": 8, "temperature": 0}, {"num_ctx": 16}):
        said(official, "llama3.2", options=options)
    assert server.reloads == 1


def test_formats(official):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert text(said(official, "json", format=schema)) == '{"n": 7}'
    with pytest.raises(ollama.ResponseError, match="invalid format"):
        official._request_raw("POST", "/api/chat", json={"model": "json", "messages": [{"role": "user"}], "format": 5})


def test_images_arrive(official):
    answer = official.chat("vision", [{"role": "user", "content": "look", "images": [b"12345"]}])
    assert answer.message.content == "You said: look [image of 5 bytes]"


def test_the_other_endpoints(server, official):
    models = official.list().models
    assert models[0].model == "llama3.2:latest"
    assert models[0].digest == server.models["llama3.2:latest"]
    assert official.show("llama3.2").modelinfo["llama.context_length"] == 131072
    said(official, "llama3.2")
    assert [model.model for model in official.ps().models] == ["llama3.2:latest"]
    assert official.embed("embedder", ["a", "b"]).embeddings == [[0.5, 0.25]] * 2
    assert [part.status for part in official.pull("newone", stream=True)][-1] == "success"
    assert "newone:latest" in [model.model for model in official.list().models]
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(official.pull("nosuch", stream=True))


def test_concurrency_is_counted_and_closing_cancels(server, official):
    stream = official.chat("drip", [{"role": "user", "content": "a " * 200}], stream=True)
    next(stream)
    assert server.active == server.peak == 1
    stream.close()
    official._client.close()
    for _ in range(100):
        if server.dropped:
            break
        __import__("time").sleep(0.02)
    assert server.dropped == 1
    assert server.active == 0


@pytest.mark.parametrize("value", ["-1", "5", "forever", "10 m"])
def test_a_keep_alive_that_is_no_duration_is_refused(official, value):
    with pytest.raises(ollama.ResponseError, match=r"time: (missing unit in|invalid) duration") as caught:
        said(official, "llama3.2", keep_alive=value)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("value", [-1, 0, 5, "-1s", "10m", "1h30m", "1.5h", "0"])
def test_numbers_and_durations_are_a_keep_alive(official, value):
    assert text(said(official, "llama3.2", keep_alive=value)) == "You said: a b c"


def test_models_have_several_names(server, official):
    for name in ("LLAMA3.2", "library/llama3.2", "registry.ollama.ai/Library/llama3.2:LATEST", "llama3.2:latest"):
        assert text(said(official, name)) == "You said: a b c"
        assert official.show(name).modelinfo["llama.context_length"] == 131072
    for name in ("me/llama3.2", "llama3.2:7b"):
        with pytest.raises(ollama.ResponseError, match="not found"):
            said(official, name)


def test_the_end_of_a_process_repeats_an_older_error(server, official):
    long = {"model": "weak", "messages": [{"role": "user", "content": "word " * 100}], "truncate": False}
    assert "exceed_context_size" in httpx.post(f"{server.url}/api/chat", json=long).json()["error"]
    with pytest.raises(
        ollama.ResponseError, match=r"no longer running: unknown error: .*exceeds the available"
    ) as caught:
        said(official, "weak", "end now")
    assert caught.value.status_code == 500
    with pytest.raises(
        ollama.ResponseError, match=r"while running the model: error: .*exceeds the available"
    ) as caught:
        said(official, "weak", "end later")
    assert caught.value.status_code == -1
    assert text(said(official, "weak", "end now")) == "You said: end now"


def test_a_schema_without_a_grammar_is_refused(official):
    schema = {"type": "object", "properties": {"zip": {"type": "string", "pattern": "[0-9]+"}}}
    with pytest.raises(ollama.ResponseError, match="JSON schema conversion failed") as caught:
        said(official, "json", format=schema)
    assert caught.value.status_code == 400


def test_a_limit_may_end_the_thinking(official):
    chunks = said(official, "overthinker", options={"num_predict": 3})
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == "thought 0 thought 1 thought 2 "
    assert (text(chunks), chunks[-1].done_reason, chunks[-1].eval_count) == ("", "length", 3)
    assert text(said(official, "overthinker", think=False)) == "You said: a b c"


def test_a_connection_that_was_kept_may_be_reset(server, official):
    assert text(said(official, "kept")) == "You said: a b c"
    with pytest.raises(httpx.TransportError):
        said(official, "kept")
    assert text(said(official, "kept")) == "You said: a b c"


def test_clients_that_accept_compression_get_it(server, official):
    # The official client decodes what it asked for.
    assert text(said(official, "gzip")) == "You said: a b c"
    assert "gzip" in server.requests[-1].headers["accept-encoding"]


def test_a_model_that_is_created_anew_has_another_digest(server, official):
    before = next(model.digest for model in official.list().models if model.model == "llama3.2:latest")
    server.repull("llama3.2")
    after = next(model.digest for model in official.list().models if model.model == "llama3.2:latest")
    assert before != after


def test_llama_cpps_server_lists_models_and_does_not_chat(server, official):
    server.flavor = "llama.cpp"
    with pytest.raises(Exception):  # noqa: B017, PT011  (what it is depends on the client's models)
        said(official, "served")

"""One suite for both clients: what each makes of every way a server can behave."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

import lakebed
from lakebed.prompts.client import Timeouts
from lakebed.prompts.failures import Canceled
from lakebed.prompts.server import find_server
from tests.prompts.conftest import eventually
from tests.prompts.server import FakeOllama
from tests.prompts.speech import Speech, normal

SAID = "You said: a b c"
QUICK = Timeouts(connect=1.0, first=0.4, stall=0.4)


@pytest.fixture
def client(client_name):
    client = find_server(timeouts=Timeouts(connect=2.0, first=10.0, stall=10.0)).client()
    yield client
    client.close()


@pytest.fixture
def hasty(client_name):
    client = find_server(timeouts=QUICK).client()
    yield client
    client.close()


def body(model, prompt="a b c", **more):
    return json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}], **more}).encode()


def ask(client, model, prompt="a b c", **more):
    return list(client.chat(body(model, prompt, **more), model))


def text(chunks):
    return "".join(chunk.content for chunk in chunks)


@pytest.mark.parametrize(
    "model", ["llama3.2", "instant", "bytes", "two", "blank", "noeol", "drip", "slow", "early", "nocounts", "after"]
)
def test_a_whole_stream_is_a_reply(client, model):
    chunks = ask(client, model)
    assert text(chunks) == SAID
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    last = chunks[-1]
    assert last.done_reason == "stop"
    assert last.stats["total_duration"] == 50_000_000
    assert ("eval_count" in last.stats) == (model != "nocounts")


def test_frames_are_the_same_wherever_tcp_splits_them(client, server):
    whole = normal(Speech(json.loads(body("split-1")), chat=True), SAID)
    for place in range(1, len(whole)):
        model = server.add(f"split-{place}")
        assert text(ask(client, model)) == SAID, place


def test_characters_split_over_chunks_arrive_whole(client):
    assert text(ask(client, "multibyte")) == "Zoë 値 😀 ok"


def test_a_large_frame_is_no_problem(client):
    assert text(ask(client, "huge")) == "ä" * 100_000


def test_thinking_and_tool_calls_are_kept_apart(client):
    chunks = ask(client, "thinker", think=True)
    assert [chunk.thinking for chunk in chunks[:2]] == ["Let me ", "see."]
    assert text(chunks) == SAID
    (call,) = ask(client, "tools")[-1].tool_calls
    assert call == {
        "id": "call_12345678",
        "function": {"index": 0, "name": "look", "arguments": {"where": "Zürich", "n": 1}},
    }


def test_length_and_a_remote_host_are_told(client):
    assert ask(client, "length", options={"num_predict": 1})[-1].done_reason == "length"
    assert ask(client, "sneaky")[0].remote_host == "https://ollama.com:443"


ERRORS = [
    ("error-400", lakebed.OllamaRefused, 400),
    ("error-401", lakebed.OllamaRefused, 401),
    ("error-403", lakebed.OllamaRefused, 403),
    ("error-404", lakebed.ModelMissing, 404),
    ("nosuch", lakebed.ModelMissing, 404),
    ("error-429", lakebed.OllamaBusy, 429),
    ("error-499", lakebed.OllamaRefused, 499),
    ("error-500", lakebed.OllamaFailed, 500),
    ("error-502", lakebed.OllamaFailed, 502),
    ("error-503", lakebed.OllamaBusy, 503),
    ("redirect", lakebed.NotOllama, 302),
    ("html", lakebed.NotOllama, None),
    ("eof", lakebed.ReplyCut, None),
    ("cut", lakebed.ReplyCut, None),
    ("midstream", lakebed.OllamaFailed, None),
    ("crash", lakebed.OllamaFailed, None),
    ("badutf8", lakebed.ReplyGarbled, None),
    ("badjson", lakebed.ReplyGarbled, None),
    ("array", lakebed.ReplyGarbled, None),
    ("giant", lakebed.ReplyTooLarge, None),
]


@pytest.mark.parametrize(("model", "cls", "status"), ERRORS)
def test_what_is_no_reply_is_an_error_of_its_kind(client, model, cls, status):
    with pytest.raises(lakebed.OllamaError) as caught:
        ask(client, model)
    error = caught.value
    assert type(error) is cls
    assert error.status == status
    assert error.message.endswith(".")
    assert "<html>" not in error.message
    # The client is as good as before.
    assert text(ask(client, "llama3.2")) == SAID


def test_the_servers_words_are_passed_on(client):
    for model, words in (
        ("error-400", "does not support chat"),
        ("midstream", "something odd"),
        ("error-500", "terminated"),
    ):
        with pytest.raises(lakebed.OllamaError, match=words):
            ask(client, model)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (" 2.5 ", 2.5, 2.5),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("%a, %d %b %Y %H:%M:%S GMT", 1, 60),
        ("%A, %d-%b-%y %H:%M:%S GMT", 1, 60),
        ("%a %b %d %H:%M:%S %Y", 1, 60),
        ("soon", None, None),
        ("-1", None, None),
    ],
)
def test_retry_after_is_passed_on(client, server, header, least, most):
    # The forms of a date stand for one a minute from now.
    server.retry_after = time.strftime(header, time.gmtime(time.time() + 60))
    with pytest.raises(lakebed.OllamaBusy) as caught:
        ask(client, "error-503")
    found = caught.value.retry_after
    assert found is None if least is None else least <= found <= most


def test_a_prompt_beyond_the_context_says_by_how_much(client):
    with pytest.raises(lakebed.PromptTooLong, match="100 tokens, and 64 fit"):
        ask(client, "small", "word" * 100, truncate=False)


LONG = "word" * 100


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("end now", "The process that runs weak ended (500): llama-server process no longer running."),
        (
            "end later",
            "The process that runs weak ended in the middle of a reply: an error was encountered while running the model.",
        ),
    ],
)
def test_an_end_of_the_process_is_never_a_prompt_that_is_too_long(client, prompt, words):
    with pytest.raises(lakebed.PromptTooLong):
        ask(client, "weak", LONG, truncate=False)
    # From here on the server adds that prompt's error to the news of each end.
    with pytest.raises(lakebed.OllamaFailed) as caught:
        ask(client, "weak", prompt)
    assert (caught.value.message, caught.value.crashed) == (words, True)
    assert text(ask(client, "weak", prompt)) == f"You said: {prompt}"


def test_the_end_of_a_process_says_what_is_known_of_it(client):
    with pytest.raises(
        lakebed.OllamaFailed, match=r"ended \(500\): llama-server process no longer running: unknown\.$"
    ):
        ask(client, "weak", "end now")
    with pytest.raises(lakebed.OllamaFailed, match=r"while running the model: unexpected EOF\.$"):
        ask(client, "weak", "end later")


def test_a_connection_that_was_kept_and_is_closed_is_opened_again(client, server):
    for _ in range(5):
        assert text(ask(client, "kept")) == SAID
    assert sum(server.asked.values()) == 9
    # A new one that is closed before an answer is an error.
    before = sum(server.asked.values())
    with pytest.raises(lakebed.ReplyCut, match="broke before the reply of resetfirst was complete"):
        ask(client, "resetfirst")
    assert sum(server.asked.values()) - before <= 3


def test_a_server_that_was_started_again_is_asked_without_an_error(client, server):
    for _ in range(3):
        assert text(ask(client, "llama3.2")) == SAID
        server.stop()
        server.start()


def test_nothing_is_accepted_that_is_not_decoded(client, server):
    assert text(ask(client, "gzip")) == SAID
    assert server.requests[-1].headers.get("accept-encoding", "identity") == "identity"
    with pytest.raises(lakebed.NotOllama, match="it sends gzip, unasked"):
        ask(client, "unasked")


def test_a_request_has_a_time_limit(client_name):
    client = find_server(timeouts=Timeouts(connect=1.0, first=10.0, stall=10.0, total=0.4)).client()
    assert text(ask(client, "llama3.2")) == SAID
    for model in ("drip", "stall", "stallfirst"):
        start = time.monotonic()
        with pytest.raises(lakebed.ReplyTimeout, match="not complete in time: allow more with --timeout"):
            ask(client, model, "a " * 200)
        assert time.monotonic() - start < 4
    client.close()


def test_a_schema_that_the_server_refuses_is_an_error_of_its_own(client):
    schema = {"type": "object", "properties": {"zip": {"type": "string", "pattern": "[0-9]+"}}}
    with pytest.raises(lakebed.FormatRefused) as caught:
        ask(client, "json", format=schema)
    assert caught.value.message == (
        "Ollama refuses the schema (400): JSON schema conversion failed: Pattern must start with '^' and end with '$': "
        "simplify it, or take any JSON with --schema json."
    )


def test_another_server_is_told_what_it_is(client, server):
    server.flavor = "llama.cpp"
    with pytest.raises(lakebed.NotOllama, match=r"llama\.cpp's, and not Ollama \(it sends text/event-stream\)"):
        ask(client, "served")


@pytest.mark.parametrize("flavor", ["llama.cpp", "openai"])
def test_the_models_of_another_server_are_not_taken(client_name, server, store, flavor):
    server.flavor = flavor
    with lakebed.Ollama(store) as ollama:
        for act in (ollama.models, lambda: ollama.chat("served", "x")):
            with pytest.raises(lakebed.NotOllama, match=r"a server of OpenAI's interface, such as llama\.cpp's"):
                act()


@pytest.mark.parametrize("model", ["stall", "stallfirst"])
def test_silence_is_a_time_out(hasty, model):
    start = time.monotonic()
    with pytest.raises(lakebed.OllamaStalled):
        ask(hasty, model)
    assert time.monotonic() - start < 5


def test_a_slow_stream_that_goes_on_is_not_cut_off(hasty):
    assert text(ask(hasty, "drip", "a " * 20)) == "You said: " + "a " * 20


def test_nothing_there_is_said_with_what_to_do(client, server):
    server.stop()
    with pytest.raises(lakebed.OllamaUnreachable) as caught:
        ask(client, "llama3.2")
    assert (
        f"Ollama is not reachable at {server.url} (Connection refused): start it with `ollama serve`"
        in caught.value.message
    )


def test_a_name_that_leads_nowhere_is_unreachable(client_name):
    client = find_server("http://no-such-host.invalid:1", QUICK).client()
    with pytest.raises(lakebed.OllamaUnreachable, match=r"no-such-host\.invalid"):
        ask(client, "llama3.2")
    client.close()


def test_connections_are_used_again(client, server):
    for _ in range(20):
        ask(client, "llama3.2")
    # On a busy machine one may still be on its way back when the next request begins.
    assert server.connections <= 10


def test_closing_a_stream_closes_the_connection(client, server):
    stream = client.chat(body("drip", "a " * 500), "drip")
    next(stream)
    stream.close()
    eventually(lambda: server.dropped == 1)
    assert text(ask(client, "llama3.2")) == SAID


@pytest.mark.parametrize("model", ["stall", "stallfirst"])
def test_abort_ends_what_waits_in_other_threads(client, server, model):
    ended = []

    def wait():
        try:
            ask(client, model)
        except BaseException as error:
            ended.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: server.active == 3)
    client.abort()
    for thread in threads:
        thread.join(5)
    assert [type(error) for error in ended] == [Canceled] * 3
    eventually(lambda: server.active == 0)
    with pytest.raises(Canceled):
        ask(client, "llama3.2")


def test_other_threads_run_while_one_waits(client):
    waiting = threading.Thread(target=ask, args=(client, "slow"))
    waiting.start()
    count = 0
    while waiting.is_alive():
        count += 1
    waiting.join()
    assert count > 100


def test_calls_and_pulls(client, server):
    assert json.loads(client.call("GET", "/api/version", None, ""))["version"] == "0.33.0"
    assert (
        json.loads(client.call("POST", "/api/show", b'{"model":"llama3.2"}', "llama3.2"))["details"]["format"] == "gguf"
    )
    with pytest.raises(lakebed.ModelMissing, match="ollama pull nope"):
        client.call("POST", "/api/show", b'{"model":"nope"}', "nope")
    parts = list(client.pull(b'{"model":"newone"}', "newone"))
    assert parts[0].status == "pulling manifest"
    assert parts[-1].status == "success"
    assert max(part.completed for part in parts) == 4_000_000
    with pytest.raises(lakebed.OllamaFailed) as caught:
        list(client.pull(b'{"model":"nosuch"}', "nosuch"))
    assert caught.value.message == (
        "The pull of nosuch failed: pull model manifest: file does not exist; check the name of the model."
    )
    with pytest.raises(
        lakebed.ReplyCut, match=r"^The pull of broken ended without saying that it is complete: the same"
    ):
        list(client.pull(b'{"model":"broken"}', "broken"))


def test_no_proxy_is_used_for_this_machine(client_name, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = find_server().client()
    assert text(ask(client, "llama3.2")) == SAID
    client.close()


def test_an_address_may_name_a_network_interface(client_name, monkeypatch):
    try:
        server = FakeOllama(host="::1").start()
    except AssertionError:
        pytest.skip("this machine has no IPv6")
    interface = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for host in (f"[::1%{interface}]:{server.port}", f"http://[::1%25{interface}]:{server.port}/"):
        client = find_server(host).client()
        assert text(ask(client, "llama3.2")) == SAID
        assert server.requests[-1].headers["host"] == f"[::1]:{server.port}"
        client.close()
    server.stop()
    with pytest.raises(lakebed.InvalidArgument, match="no network interface nosuch0"):
        find_server("[fe80::1%nosuch0]").client()


def test_the_key_goes_to_a_named_host_and_a_redirect_takes_it_nowhere(client_name, server, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", "secret-key")
    client = find_server().client()
    with pytest.raises(lakebed.NotOllama) as caught:
        ask(client, "redirect")
    assert server.requests[-1].headers["authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(caught.value)
    client.close()

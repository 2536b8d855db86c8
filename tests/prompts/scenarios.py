"""How each model of the fake server answers a chat; a model's name says what it plays. `MODELS` lists them.

llama3.2        says the prompt back, word by word
instant         the same in two frames
thinker         thinks first                         tools      calls a tool in its last frame
length          stops at num_predict                 nocounts   leaves its counts out
eof             ends without done:true               cut        closes the connection in the middle of a line
midstream       an error line after some text        crash      the same, with the words of a runner that died
stall           one frame, then nothing              stallfirst nothing at all
early           headers at once, text later          drip       a frame every 50 ms
bytes           one byte in each chunk               split-N    the stream in two chunks, the first of N bytes
multibyte       characters split over chunks         two        two frames in one chunk
blank           blank lines between frames           noeol      no line break after the last frame
after           more frames after the last one       huge       a frame of 200 KB
giant           a frame of 100 MB                    flood      100 MB of small frames
html            a proxy's page with status 200       badutf8    bytes that are no UTF-8
badjson         a line that is no JSON               array      a line that is JSON and no object
error-CODE      this status, as Ollama words it      flaky-CODE-N  the same for the first N requests of a prompt
flakyeof-N      eof for the first N requests         redirect   a redirect to another host
json            what the schema asks for             prose      text in spite of a schema
proseonce       prose the first time                 small      a context of 64 tokens
weak            a context of 64 tokens, and a process that ends when a prompt has the words `end now` or `end later`
                for the first time: before the first frame, or after it
overthinker     thinks until num_predict             kept       resets a connection that had a request before
resetfirst      resets every connection              gzip       compressed for clients that accept it
unasked         compressed for all
tagged          thinks in its text, in <think>       tagcut     the same, and stops at num_predict before the end
fenced          JSON in a fence                      wordy      the same with words around it
silent          no text                              silentonce no text the first time
slow            200 ms before the first frame        sneaky     answers from a remote host and says so
vision, embedder, big:cloud, remote                  capabilities, a cloud model, a local name of a remote one
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tests.prompts.speech import Speech, normal, pieces, prompt_of, reply_to, tokens

if TYPE_CHECKING:
    from tests.prompts.wire import Answer


class ServerState(Protocol):
    """What scenarios use of the fake server."""

    delay: float
    retry_after: str | None
    last_words: dict[str, str]
    asked: Counter[tuple[str, str]]

    async def forever(self) -> None: ...


MODELS = (
    "llama3.2 instant thinker tools length nocounts eof cut midstream crash stall stallfirst early drip bytes multibyte two blank noeol "
    "error-400 error-401 error-403 error-404 error-429 error-499 error-500 error-502 error-503 "
    "tagged tagcut fenced wordy silent silentonce "
    "weak overthinker kept resetfirst gzip unasked "
    "after huge giant flood html badutf8 badjson array redirect json prose proseonce small slow sneaky vision embedder big:cloud remote"
).split()

RUNNER_OPTIONS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")


ERRORS: dict[int, tuple[object, dict[str, str]]] = {
    400: ({"error": '"m" does not support chat'}, {}),
    401: ({"error": "unauthorized", "signin_url": "https://ollama.com/connect?key=k"}, {}),
    403: (None, {}),
    404: ({"error": "model 'm' not found"}, {}),
    429: ({"error": "too many requests"}, {"Retry-After": "0"}),
    499: ({"error": "request canceled"}, {}),
    500: ({"error": "llama-server process has terminated: exit status 2"}, {}),
    502: ({"error": "bad gateway"}, {}),
    503: ({"error": "server busy, please try again.  maximum pending requests exceeded"}, {}),
}


async def refuse(answer: Answer, code: int, server: ServerState) -> None:
    """An error before the first frame."""
    body, headers = ERRORS.get(code, ({"error": f"status {code}"}, {}))
    if code in (429, 502, 503) and server.retry_after is not None:
        headers = {"Retry-After": server.retry_after}
    await answer.whole(code, body, headers)


async def play(server: ServerState, answer: Answer, body: dict[str, Any], *, chat: bool) -> None:
    """Answers a chat or generate request as its model does."""
    name = body["model"].removesuffix(":latest")
    speech = Speech(body, chat=chat)
    prompt, text = prompt_of(body), reply_to(body)
    before = server.asked[name, prompt] - 1
    kind, _, rest = name.partition("-")
    match kind:
        case "error":
            return await refuse(answer, int(rest), server)
        case "flaky":
            code, _, times = rest.partition("-")
            if before < int(times):
                return await refuse(answer, int(code), server)
        case "flakyeof":
            if before < int(rest):
                return await _frames(answer, speech.frame("half "))
        case "split":
            return await _split(answer, normal(speech, text), int(rest))
    special = _SPECIAL.get(name)
    if special is not None:
        await special(server, answer, speech, text, body)
        return None
    if not body.get("stream", True):
        whole = speech.last()
        (whole["message"] if chat else whole)["content" if chat else "response"] = text
        return await answer.whole(200, whole)
    answer.begin()
    for piece in pieces(text):
        await answer.frame(speech.frame(piece))
        if server.delay:
            await asyncio.sleep(server.delay)
    await answer.frame(speech.last())
    return await answer.end()


async def _frames(answer: Answer, *frames: object) -> None:
    answer.begin()
    for frame in frames:
        await answer.frame(frame)
    await answer.end()


async def _split(answer: Answer, data: bytes, *places: int) -> None:
    answer.begin()
    edges = [0, *places, len(data)]
    for start, stop in itertools.pairwise(edges):
        if data[start:stop]:
            await answer.chunk(data[start:stop])
            await asyncio.sleep(0)
    await answer.end()


async def _instant(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    answer.begin()
    data = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in (speech.frame(text), speech.last()))
    answer.raw(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))


async def _thinker(_server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    thoughts = [] if body.get("think") is False else [speech.frame("", "Let me "), speech.frame("", "see.")]
    await _frames(answer, *thoughts, *(speech.frame(piece) for piece in pieces(text)), speech.last())


async def _tools(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    call = {"id": "call_12345678", "function": {"index": 0, "name": "look", "arguments": {"where": "Zürich", "n": 1}}}
    await _frames(answer, speech.frame("Looking."), speech.last(tool_calls=[call]))


async def _length(_server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    words = list(pieces(text))[: body.get("options", {}).get("num_predict", 2)]
    await _frames(answer, *(speech.frame(word) for word in words), speech.last("length"))


async def _nocounts(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _frames(answer, speech.frame(text), speech.last(counts=False))


async def _eof(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _frames(answer, *(speech.frame(piece) for piece in pieces(text)))


async def _cut(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    answer.begin()
    await answer.frame(speech.frame("Half a"))
    await answer.chunk(b'{"model":"cut","mess')
    await answer.cut()


async def _midstream(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame("Half a"), {"error": "something odd went wrong"})


async def _crash(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    message = "an error was encountered while running the model: unexpected EOF"
    await _frames(answer, speech.frame("Half a"), {"error": message})


async def _stall(server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    answer.begin()
    await answer.frame(speech.frame("And then"))
    await server.forever()


async def _stallfirst(server: ServerState, _answer: Answer, _speech: Speech, _text: str, _body: Any) -> None:
    await server.forever()


async def _early(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    answer.begin()
    await answer.chunk(b"\n")
    await asyncio.sleep(0.3)
    await answer.frame(speech.frame(text))
    await answer.frame(speech.last())
    await answer.end()


async def _drip(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    answer.begin()
    for piece in pieces(text):
        await answer.frame(speech.frame(piece))
        await asyncio.sleep(0.05)
    await answer.frame(speech.last())
    await answer.end()


async def _slow(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await asyncio.sleep(0.2)
    await _frames(answer, speech.frame(text), speech.last())


async def _bytes(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    data = normal(speech, text)
    await _split(answer, data, *range(1, len(data)))


async def _multibyte(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    data = normal(speech, "Zoë 値 😀 ok")
    places = [place for place in range(1, len(data)) if data[place] & 0xC0 == 0x80]
    await _split(answer, data, *places)


async def _two(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _split(answer, normal(speech, text))


async def _blank(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _split(answer, normal(speech, text).replace(b"\n", b"\r\n\n  \n"))


async def _noeol(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _split(answer, normal(speech, text).rstrip(b"\n"))


async def _after(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _frames(answer, speech.frame(text), speech.last(), speech.frame(" and more"), {"error": "too late"})


async def _huge(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame("ä" * 100_000), speech.last())


async def _giant(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    answer.begin()
    await answer.chunk(b'{"message":{"content":"')
    for _ in range(100):
        await answer.chunk(b"x" * 1_000_000)
    await answer.chunk(b'"},"done":true}\n')
    await answer.end()


async def _flood(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    answer.begin()
    frame = json.dumps(speech.frame("x" * 100_000)).encode() + b"\n"
    for _ in range(1_000):
        await answer.chunk(frame)
    await answer.frame(speech.last())
    await answer.end()


async def _html(_server: ServerState, answer: Answer, *_rest: Any) -> None:
    await answer.whole(200, b"<html><body>Sign in to the guest network</body></html>", kind="text/html")


async def _badutf8(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _split(answer, normal(speech, "caf? au lait").replace(b"?", b"\xe9"))


async def _badjson(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _split(answer, b"this is no JSON\n" + normal(speech, text))


async def _array(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _split(answer, b"[1]\n" + normal(speech, text))


async def _redirect(_server: ServerState, answer: Answer, *_rest: Any) -> None:
    await answer.whole(302, None, {"Location": "http://127.0.0.1:9/api/chat"})


def instance(schema: Any) -> Any:
    """Something that the schema accepts."""
    if not isinstance(schema, dict):
        return {"ok": True}
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" | None:
            return {name: instance(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [instance(schema.get("items", {"type": "string"}))]
        case "integer":
            return schema.get("minimum", 7)
        case "number":
            return 0.5
        case "boolean":
            return True
    return "text"


async def _json(_server: ServerState, answer: Answer, speech: Speech, _text: str, body: Any) -> None:
    await _frames(
        answer, *(speech.frame(one) for one in pieces(json.dumps(instance(body.get("format"))))), speech.last()
    )


async def _prose(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame("Sure! Here is "), speech.frame("your JSON."), speech.last())


async def _tagged(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    said = f"<think>\nLet me see: a < b.\n</think>\n\n{text}"
    await _frames(answer, *(speech.frame(said[at : at + 3]) for at in range(0, len(said), 3)), speech.last())


async def _tagcut(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame("<think>\nLet me"), speech.frame(" see"), speech.last("length"))


async def _fenced(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame('```json\n{"mood":'), speech.frame(' "good"}\n```\n'), speech.last())


async def _wordy(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame('Sure:\n```json\n{"mood": "good"}\n```\nAs you asked.'), speech.last())


async def _silent(_server: ServerState, answer: Answer, speech: Speech, _text: str, _body: Any) -> None:
    await _frames(answer, speech.frame(""), speech.last())


async def _silentonce(server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    once = server.asked["silentonce", prompt_of(body)] == 1
    await _frames(answer, speech.frame("" if once else text), speech.last())


async def _proseonce(server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    once = server.asked["proseonce", prompt_of(body)] == 1
    await (_prose if once else _json)(server, answer, speech, text, body)


async def _small(_server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    limit = body.get("options", {}).get("num_ctx", 64)
    needed = tokens(prompt_of(body))
    if needed > limit and body.get("truncate") is False:
        told = {
            "error": {
                "code": 400,
                "message": f"request ({needed} tokens) exceeds the available context size ({limit} tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": needed,
                "n_ctx": limit,
            }
        }
        return await answer.whole(400, {"error": json.dumps(told)})
    cut = {"prompt_eval_count": limit // 2 + 2} if needed > limit else {}
    return await _frames(answer, speech.frame(text), {**speech.last(), **cut})


async def _weak(server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    prompt = prompt_of(body)
    needed = tokens(prompt)
    if needed > 64:
        server.last_words["weak"] = (
            f"error: task id = 0, error: request ({needed} tokens) exceeds the available context size (64 tokens), try increasing it"
        )
        return await _small(server, answer, speech, text, body)
    words = server.last_words.get("weak", "")
    first = server.asked["weak", prompt] == 1
    if "end now" in prompt and first:
        status = f"llama-server process no longer running: unknown {words}".rstrip()
        return await answer.whole(500, {"error": status})
    if "end later" in prompt and first:
        line = f"an error was encountered while running the model: {words or 'unexpected EOF'}"
        return await _frames(answer, speech.frame("Half a"), {"error": line})
    return await _frames(answer, *(speech.frame(piece) for piece in pieces(text)), speech.last())


async def _overthinker(_server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    limit = body.get("options", {}).get("num_predict", -1)
    thoughts = [] if body.get("think") is False else [speech.frame("", f"thought {n} ") for n in range(8)]
    frames = [*thoughts, *(speech.frame(piece) for piece in pieces(text))]
    kept = frames if limit < 0 else frames[:limit]
    speech.count = len(kept)
    await _frames(answer, *kept, speech.last("stop" if kept == frames else "length"))


async def _kept(server: ServerState, answer: Answer, speech: Speech, text: str, body: Any) -> None:
    if answer.place > 1:
        return await answer.reset()
    return await _instant(server, answer, speech, text, body)


async def _resetfirst(_server: ServerState, answer: Answer, *_rest: Any) -> None:
    await answer.reset()


async def _gzip(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _compressed(answer, normal(speech, text), wanted="gzip" in answer.encodings)


async def _unasked(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    await _compressed(answer, normal(speech, text), wanted=True)


async def _compressed(answer: Answer, data: bytes, *, wanted: bool) -> None:
    answer.begin(headers={"Content-Encoding": "gzip"} if wanted else None)
    await answer.chunk(gzip.compress(data) if wanted else data)
    await answer.end()


def refused_schema(schema: Any) -> dict[str, Any] | None:
    """The error of llama-server for a schema that it cannot make a grammar of."""
    if not isinstance(schema, dict):
        return None
    pattern = schema.get("pattern", "^$")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        message = "JSON schema conversion failed:\nPattern must start with '^' and end with '$'"
        return {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
    return next((told for one in schema.get("properties", {}).values() if (told := refused_schema(one))), None)


async def _sneaky(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    remote = {"remote_model": "big", "remote_host": "https://ollama.com:443"}
    await _frames(answer, {**speech.frame(text), **remote}, {**speech.last(), **remote})


_SPECIAL: dict[str, Callable[..., Any]] = {
    name: function
    for name in MODELS
    if (function := globals().get(f"_{name}")) is not None and name not in ("frames", "split")
}

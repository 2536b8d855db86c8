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
slow            200 ms before the first frame        sneaky     answers from a remote host and says so
vision, embedder, big:cloud, remote                  capabilities, a cloud model, a local name of a remote one
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.prompts.wire import Answer


class ServerState(Protocol):
    """What scenarios use of the fake server."""

    delay: float
    retry_after: str | None
    asked: Counter[tuple[str, str]]

    async def forever(self) -> None: ...


MODELS = (
    "llama3.2 instant thinker tools length nocounts eof cut midstream crash stall stallfirst early drip bytes multibyte two blank noeol "
    "error-400 error-401 error-403 error-404 error-429 error-499 error-500 error-502 error-503 "
    "after huge giant flood html badutf8 badjson array redirect json prose proseonce small slow sneaky vision embedder big:cloud remote"
).split()

RUNNER_OPTIONS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")
STATS = {
    "total_duration": 50_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_duration": 4_000_000,
    "eval_duration": 40_000_000,
}


def tokens(text: str) -> int:
    """What the fake model counts: words and punctuation, more or less."""
    return max(1, len(text) // 4)


def prompt_of(body: dict[str, Any]) -> str:
    """The prompt: the last message of the user."""
    if "prompt" in body:
        return str(body["prompt"])
    return next((str(one.get("content", "")) for one in reversed(body["messages"]) if one["role"] == "user"), "")


def reply_to(body: dict[str, Any]) -> str:
    """What a well-behaved model says."""
    prompt = prompt_of(body)
    images = [image for one in body.get("messages", []) for image in one.get("images") or []]
    seen = "".join(f" [image of {len(base64.b64decode(image))} bytes]" for image in images)
    return f"You said: {prompt}{seen}"


class Speech:
    """Frames of one chat or generate call."""

    def __init__(self, body: dict[str, Any], *, chat: bool) -> None:
        self._body = body
        self._chat = chat
        self.count = 0

    def frame(self, content: str = "", thinking: str | None = None, **more: object) -> dict[str, Any]:
        """A frame in the middle."""
        self.count += 1
        return self._frame(content, thinking, done=False, **more)

    def last(
        self, reason: str = "stop", tool_calls: object = None, *, counts: bool = True, **more: object
    ) -> dict[str, Any]:
        """The last frame."""
        stats: dict[str, object] = dict(STATS)
        if counts:
            text = "".join(str(one.get("content", "")) for one in self._body.get("messages", ())) or prompt_of(
                self._body
            )
            stats |= {"prompt_eval_count": tokens(text), "eval_count": max(1, self.count)}
        return self._frame("", None, done=True, done_reason=reason, tool_calls=tool_calls, **stats, **more)

    def _frame(
        self, content: str, thinking: str | None, *, done: bool, tool_calls: object = None, **more: object
    ) -> dict[str, Any]:
        frame: dict[str, Any] = {"model": self._body["model"], "created_at": "2026-08-21T10:00:00.000000Z"}
        if self._chat:
            message: dict[str, Any] = {"role": "assistant", "content": content}
            if thinking is not None:
                message["thinking"] = thinking
            if tool_calls is not None:
                message["tool_calls"] = tool_calls
            frame["message"] = message
        else:
            frame["response"] = content
            if thinking is not None:
                frame["thinking"] = thinking
        return {**frame, "done": done, **more}


def pieces(text: str) -> Iterator[str]:
    """The words of a text with the spaces before them."""
    start = 0
    for place, letter in enumerate(text):
        if letter == " " and place > start:
            yield text[start:place]
            start = place
    yield text[start:]


def normal(speech: Speech, text: str) -> bytes:
    """The whole stream of a plain reply."""
    frames = [speech.frame(piece) for piece in pieces(text)]
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in (*frames, speech.last()))


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
    if code in (429, 503) and server.retry_after is not None:
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


async def _sneaky(_server: ServerState, answer: Answer, speech: Speech, text: str, _body: Any) -> None:
    remote = {"remote_model": "big", "remote_host": "https://ollama.com:443"}
    await _frames(answer, {**speech.frame(text), **remote}, {**speech.last(), **remote})


_SPECIAL: dict[str, Callable[..., Any]] = {
    name: function
    for name in MODELS
    if (function := globals().get(f"_{name}")) is not None and name not in ("frames", "split")
}

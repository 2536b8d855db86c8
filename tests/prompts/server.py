"""A server that speaks Ollama's protocol and plays what can go wrong with it. For tests, and to try the shell without a
model:

    python -m tests.prompts.server [--port 11434] [--delay 0.05]

`scenarios.py` lists the models and what each does. The server counts what it is asked, for tests to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from tests.prompts import scenarios, speech
from tests.prompts.wire import Answer, Request, read_request

VERSION = "0.33.0"


def full(name: str) -> str:
    """A model's name as the server lists it."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def parts(name: str) -> tuple[str, ...]:
    """What Ollama compares of a model's name: host, namespace, model and tag, whatever their case."""
    given = full(name).lower().split("/")
    return *("registry.ollama.ai", "library")[: max(0, 3 - len(given))], *given


def refused_keep_alive(value: object) -> str | None:
    """Ollama's words for a `keep_alive` that is neither a number nor one of Go's durations."""
    if value is None or isinstance(value, int | float):
        return None
    text = str(value)
    if text in ("0", "-0", "+0") or re.fullmatch(r"[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+", text):
        return None
    known = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text)
    return f'time: {"missing unit in" if known else "invalid"} duration "{text}"'


def digest(name: str, edition: int = 0) -> str:
    """A model's digest."""
    return hashlib.sha256(f"{full(name)} {edition}".encode()).hexdigest()


class FakeOllama:
    """The server: `start`, then `url`; or `serve` in an event loop of one's own."""

    def __init__(self, *, delay: float = 0.0, host: str = "127.0.0.1") -> None:
        self.host = host
        self.delay = delay
        """Seconds between the words of a plain reply."""
        self.retry_after: str | None = None
        """What 429 and 503 say in Retry-After."""
        self.list_delay = 0.0
        """Seconds that listing the models takes."""
        self.list_fails = False
        """Whether listing the models is answered with 500."""
        self.flavor = "ollama"
        """What it is: `ollama`, `llama.cpp`, or `openai`, another server of OpenAI's interface."""
        self.on_chat: Callable[[str, int], None] | None = None
        """Called before a chat is answered, with the name of its model and the number of chats so far."""
        self.last_words: dict[str, str] = {}
        """The last error that the process of each model has written, which the server adds to the news of its end."""
        self.models = {full(name): digest(name) for name in scenarios.MODELS}
        self.requests: list[Request] = []
        """Every request but HEAD; unless `remember` is off."""
        self.remember = True
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often each (model, prompt) was asked."""
        self.answered: Counter[tuple[str, str]] = Counter()
        """How often an answer was written to its end."""
        self.active = self.peak = self.reloads = self.connections = self.dropped = 0
        """Chats now, at most at once, model loads because of other options, connections, answers that the client
        closed."""
        self.port = 0
        self._chats = 0
        self._loaded: dict[str, tuple[object, ...]] = {}
        self._sockets: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # --- In a thread of its
    # own -----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chats."""
        return [request.json for request in self.requests if request.path == "/api/chat"]

    def start(self, port: int = 0) -> FakeOllama:
        """Begins to listen; the same port again after `stop`."""
        ready = threading.Event()

        def run() -> None:
            self._loop = asyncio.new_event_loop()
            self._serving = self._loop.create_task(self.serve(port or self.port, ready))
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._serving)
            self._loop.close()

        self._thread = threading.Thread(target=run, name="fake-ollama", daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def stop(self) -> None:
        """Drops all connections and refuses new ones."""
        loop, serving, thread = self._loop, self._serving, self._thread
        if loop is None or serving is None or thread is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)
        assert not thread.is_alive()

    def add(self, name: str) -> str:
        """Has a model too, such as `flaky-503-2`."""
        self.models[full(name)] = digest(name)
        return name

    def repull(self, name: str, edition: int = 1) -> None:
        """Gives a model another digest, as pulling a newer one does."""
        self.models[full(name)] = digest(name, edition)

    async def forever(self) -> None:
        """Until the client or the server goes."""
        await asyncio.Event().wait()

    # --- The
    # server -----------------------------------------------------------------------------------------------------

    async def serve(self, port: int, ready: threading.Event | None = None) -> None:
        """Serves until it is cancelled."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, port), family=family, backlog=512)
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        loop.add_reader(listening, self._accept, listening)
        if ready is not None:
            ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            loop.remove_reader(listening)
            listening.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()
            await asyncio.sleep(0)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that ends with the server."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _accept(self, listening: socket.socket) -> None:
        """Takes one connection, and knows of it from here on: `asyncio.start_server` forgets, unclosed, those that it
        accepts in the moment it is stopped, and their clients wait for an answer until they give up."""
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.add(connection)
        self._task(self._connection(connection))

    async def _connection(self, connection: socket.socket) -> None:
        self.connections += 1
        reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 26)
        try:
            place = 0
            while request := await read_request(reader):
                place += 1
                answer = Answer(writer, place, request.headers.get("accept-encoding", ""))
                if self.remember:
                    self.requests.append(request)
                talking = self._task(self._answer(request, answer))
                if not talking.done() and request.path in ("/api/chat", "/api/generate", "/api/pull"):
                    await self._watch(reader, talking)
                else:
                    await talking
                if not answer.keep:
                    break
        except asyncio.CancelledError:
            writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._sockets.discard(connection)
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, talking: asyncio.Future[None]) -> None:
        """Waits for the answer to end, or for the client to close the connection, which cancels it as in Ollama."""
        while not talking.done():
            await asyncio.wait([talking], timeout=0.02)
            if reader.at_eof() and not talking.done():
                self.dropped += 1
                talking.cancel()
        await talking

    async def _answer(self, request: Request, answer: Answer) -> None:
        if request.method == "HEAD":
            return await answer.whole(200)
        try:
            body = request.json if request.body else {}
        except ValueError:
            return await answer.whole(400, {"error": "invalid character in the body"})
        if self.flavor != "ollama":
            return await self._other(request, answer)
        match request.method, request.path:
            case "GET", "/":
                return await answer.whole(200, b"Ollama is running", kind="text/plain; charset=utf-8")
            case "GET", "/api/version":
                return await answer.whole(200, {"version": VERSION})
            case "GET", "/api/tags":
                return await self._list(answer)
            case "GET", "/api/ps":
                return await answer.whole(200, {"models": [self._running(name) for name in self._loaded]})
            case "POST", "/api/show":
                return await self._show(answer, body)
            case "POST", "/api/embed":
                inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
                return await answer.whole(200, {"model": body["model"], "embeddings": [[0.5, 0.25] for _ in inputs]})
            case "POST", "/api/pull":
                return await self._pull(answer, body)
            case "POST", "/api/chat" | "/api/generate":
                return await self._chat(answer, body, chat=request.path == "/api/chat")
        return await answer.whole(404, b"404 page not found", kind="text/plain")

    async def _other(self, request: Request, answer: Answer) -> None:
        """Answers as another server of models does."""
        served = [{"id": "served", "object": "model", "created": 1785000000, "owned_by": self.flavor}]
        match self.flavor, request.path:
            case _, "/v1/models":
                return await answer.whole(200, {"object": "list", "data": served})
            case "llama.cpp", "/api/tags":
                # It lists its model in Ollama's way too, for programs that only look.
                tag = {
                    "name": "served",
                    "model": "served",
                    "modified_at": "",
                    "size": "",
                    "digest": "",
                    "type": "model",
                }
                return await answer.whole(200, {"models": [tag], "object": "list", "data": served})
            case "llama.cpp", "/api/chat" | "/v1/chat/completions":
                answer.begin("text/event-stream")
                frame = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}
                await answer.chunk(b"data: " + json.dumps(frame).encode() + b"\n\ndata: [DONE]\n\n")
                return await answer.end()
        body = {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
        return await answer.whole(404, body)

    async def _list(self, answer: Answer) -> None:
        if self.list_fails:
            return await answer.whole(500, {"error": "the manifests cannot be read"})
        if self.list_delay:
            await asyncio.sleep(self.list_delay)
        return await answer.whole(200, {"models": [self._tag(name) for name in self.models]})

    def _tag(self, name: str) -> dict[str, Any]:
        short = name.removesuffix(":latest")
        abilities = {
            "thinker": ["thinking"],
            "overthinker": ["thinking"],
            "vision": ["vision"],
            "tools": ["tools"],
        }.get(short, [])
        tag: dict[str, Any] = {
            "name": name,
            "model": name,
            "modified_at": "2026-08-21T10:00:00.000000+02:00",
            "size": 2019393189,
            "digest": self.models[name],
            "details": {
                "parent_model": "",
                "format": "gguf",
                "family": "llama",
                "families": ["llama"],
                "parameter_size": "3.2B",
                "quantization_level": "Q4_K_M",
                "context_length": 64 if short == "small" else 131072,
                "embedding_length": 3072,
            },
            "capabilities": ["embedding"] if short == "embedder" else ["completion", *abilities],
        }
        if short in ("big:cloud", "remote"):
            tag |= {"remote_model": "big", "remote_host": "https://ollama.com:443"}
        return tag

    def _running(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "model": name,
            "size": 3_000_000_000,
            "size_vram": 3_000_000_000,
            "digest": self.models.get(name, ""),
            "expires_at": "2026-08-21T10:05:00.000000+02:00",
            "context_length": 4096,
        }

    def _listed(self, name: str) -> str | None:
        """The name in the list of a model that is named in any way."""
        patterns = ("error-", "flaky-", "flakyeof-", "split-")
        if name.startswith(patterns):
            self.models.setdefault(full(name), digest(name))
        return next((one for one in self.models if parts(one) == parts(name)), None)

    async def _show(self, answer: Answer, body: dict[str, Any]) -> None:
        name = body.get("model", "")
        listed = self._listed(name)
        if listed is None:
            return await answer.whole(404, {"error": f"model '{name}' not found"})
        tag = self._tag(listed)
        shown = {
            "modelfile": "FROM x",
            "parameters": "stop x",
            "template": "{{ .Prompt }}",
            "details": tag["details"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
            "capabilities": tag["capabilities"],
            "modified_at": tag["modified_at"],
        }
        return await answer.whole(200, shown)

    async def _pull(self, answer: Answer, body: dict[str, Any]) -> None:
        name = body.get("model", "")
        answer.begin()
        await answer.frame({"status": "pulling manifest"})
        if name.startswith("nosuch"):
            await answer.frame({"error": "pull model manifest: file does not exist"})
            return await answer.end()
        part, total = f"sha256:{digest(name)}", 4_000_000
        for done in range(0, total + 1, total // 4):
            await answer.frame(
                {
                    "status": f"pulling {part[7:19]}",
                    "digest": part,
                    "total": total,
                    **({"completed": done} if done else {}),
                }
            )
            await asyncio.sleep(self.delay)
        for status in ("verifying sha256 digest", "writing manifest"):
            await answer.frame({"status": status})
        if name.startswith("broken"):
            return await answer.end()
        await answer.frame({"status": "success"})
        self.models[full(name)] = digest(name)
        return await answer.end()

    async def _chat(self, answer: Answer, body: dict[str, Any], *, chat: bool) -> None:
        name = body.get("model", "")
        if not name:
            return await answer.whole(400, {"error": "model is required"})
        listed = self._listed(name)
        if listed is None:
            return await answer.whole(404, {"error": f"model '{name}' not found"})
        if wrong := refused_keep_alive(body.get("keep_alive")):
            return await answer.whole(400, {"error": wrong})
        if not isinstance(body.get("format", ""), str | dict) or (
            body.get("format") not in ("", "json", None) and isinstance(body["format"], str)
        ):
            return await answer.whole(500, {"error": 'invalid format: expected "json" or a valid JSON Schema object'})
        if told := scenarios.refused_schema(body.get("format")):
            return await answer.whole(400, {"error": json.dumps(told)})
        if "embedding" in self._tag(listed)["capabilities"]:
            return await answer.whole(400, {"error": f'"{name}" does not support chat'})
        if body.get("think") and "thinking" not in self._tag(listed)["capabilities"]:
            return await answer.whole(400, {"error": f'"{name}" does not support thinking'})
        if chat and not body.get("messages"):
            return await answer.whole(
                200, {"model": name, "message": {"role": "assistant"}, "done": True, "done_reason": "load"}
            )
        options = body.get("options") or {}
        runner = tuple(options.get(option) for option in scenarios.RUNNER_OPTIONS)
        if self._loaded.get(listed, runner) != runner:
            self.reloads += 1
            await asyncio.sleep(self.delay)
        self._loaded[listed] = runner
        asked = listed.removesuffix(":latest"), speech.prompt_of(body)
        self.asked[asked] += 1
        self._chats += 1
        if self.on_chat is not None:
            self.on_chat(listed, self._chats)
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            await scenarios.play(self, answer, {**body, "model": listed}, chat=chat)
            self.answered[asked] += 1
        finally:
            self.active -= 1
        return None


def main() -> None:
    """Serves until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A fake Ollama, for trying lakebed without a model.")
    parser.add_argument("--port", type=int, default=11434, help="0 takes a free one, which is printed")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between the words of a reply")
    parser.add_argument("--quiet", action="store_true", help="remember no requests")
    options = parser.parse_args()
    server = FakeOllama(delay=options.delay)
    server.remember = not options.quiet

    async def run() -> None:
        ready = threading.Event()
        serving = asyncio.ensure_future(server.serve(options.port, ready))
        while not ready.is_set() and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            print(json.dumps({"url": server.url, "models": len(server.models)}), flush=True)
        await serving

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()

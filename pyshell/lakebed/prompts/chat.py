"""`lakebed.Ollama`: single chats, streamed, their replies stored."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from lakebed._backend import Hash
from lakebed._progress import ProgressLike, reporting
from lakebed.errors import InvalidArgument
from lakebed.models import Listing
from lakebed.prompts import model_options, server_models, storage
from lakebed.prompts.address import full_name
from lakebed.prompts.client import Client, Pulled, Server, Timeouts, server
from lakebed.prompts.reply_format import Format
from lakebed.prompts.request import Maker, Question, checked_messages
from lakebed.prompts.results import ModelInfo
from lakebed.prompts.sender import Heard
from lakebed.prompts.storage import Replies, Stored
from lakebed.store import Store


class Chat:
    """A reply as it comes: an iterator over pieces of text.

    When it has ended, `text`, `thinking`, `tool_calls`, `value`, `done_reason`, `stats` and, with a store, `request` and `reply` (their
    hashes) are there. A reply that the store has already comes as one piece. Nothing is stored of a reply that did not end.
    """

    def __init__(
        self,
        owner: Ollama,
        maker: Maker,
        messages: list[dict[str, Any]],
        images: dict[str, bytes],
        format: Format | None,
        *,
        fresh: bool,
    ) -> None:
        self._owner, self._maker, self._messages, self._images, self._format = owner, maker, messages, images, format
        self.text = ""
        self.thinking = ""
        self.tool_calls: list[Any] = []
        self.value: Any = None
        self.done_reason = ""
        self.stats: dict[str, int] = {}
        self.cached = False
        self.reply: Hash | None = None
        data = maker.request(messages)
        self.request = Hash.of(data)
        self._data = data
        self._fresh = fresh
        self._pieces = self._run()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Ends it where it is, which stops the model."""
        self._pieces.close()

    def read(self) -> str:
        """Waits for the rest; the whole text."""
        for _ in self:
            pass
        return self.text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> Generator[str, None, None]:
        store = self._owner.store
        known = Replies(store).find(str(self.request)) if store is not None and not self._fresh else None
        if known is not None:
            self.cached = True
            self._take(known)
            yield known.text
            return
        heard = Heard(self._maker.question, allow_cloud=self._owner.allow_cloud)
        stream = self._owner.client.chat(self._maker.body(self._messages, self._image), self._maker.question.model)
        try:
            for chunk in stream:
                heard.add(chunk)
                if chunk.content:
                    yield chunk.content
        finally:
            stream.close()
        data = heard.reply(str(self.request), 1).data()
        self._take(storage.stored(str(Hash.of(data)), data))
        if store is not None:
            self.reply = Hash.of(data)
            self._store(store, data)

    def _image(self, hash: str) -> bytes:
        """The bytes of an image of the messages."""
        if hash in self._images or self._owner.store is None:
            return self._images[hash]
        return self._owner.store.get(hash)

    def _store(self, store: Store, data: bytes) -> None:
        replies = Replies(store)
        while self._fresh or replies.find(str(self.request)) is None:
            if replies.add([data]):
                break
        for hash, image in self._images.items():
            if hash not in store:
                store.put(image)
        if str(self.request) not in store:
            store.append(storage.REQUESTS, [self._data])
        store.commit()

    def _take(self, reply: Stored) -> None:
        self.text, self.thinking, self.tool_calls = reply.text, reply.thinking, reply.tool_calls
        self.done_reason, self.stats = reply.done_reason, reply.stats
        self.reply = Hash(reply.hash) if self.cached else None
        if self._format is not None:
            self.value = self._format.value(reply.text, cut=reply.done_reason == "length")


class Ollama:
    """An Ollama server, and a store that keeps what it says.

        with lakebed.Ollama(store) as ollama:
            for piece in ollama.chat("llama3.2", "Why is the sky blue?"):
                print(piece, end="")

    The server is `host`, else OLLAMA_HOST, else this machine's. Without a store nothing is kept. Cloud models are refused unless
    `allow_cloud`.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        host: str | None = None,
        allow_cloud: bool = False,
        connect_timeout: float = 5.0,
        first_timeout: float = 600.0,
        stall_timeout: float = 120.0,
    ) -> None:
        self.store = store
        self.allow_cloud = allow_cloud
        self._server: Server = server(host, Timeouts(connect_timeout, first_timeout, stall_timeout))
        self._client: Client | None = None
        self._found: dict[str, ModelInfo] = {}

    @property
    def url(self) -> str:
        """The server's address."""
        return self._server.address.url

    @property
    def client(self) -> Client:
        """The connection, opened when it is first needed."""
        if self._client is None:
            self._client = self._server.client()
        return self._client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def chat(
        self,
        model: str,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        format: str | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        think: bool | str | None = None,
        keep_alive: str | float | None = None,
        fresh: bool = False,
    ) -> Chat:
        """Ask a model; the reply is an iterator over pieces of text.

        `messages` is a prompt, or a list of Ollama's messages, whose images are bytes or hashes of blobs. `format` is "json" or a JSON
        schema, which the reply is checked against (`ReplyInvalid`). A reply to the same request that the store has is given again,
        unless `fresh`.
        """
        info = self._found.get(model) or server_models.find(
            self.client, self._server.address, model, allow_cloud=self.allow_cloud
        )
        self._found[model] = info
        images: dict[str, bytes] = {}
        checked = checked_messages(messages, lambda image: self._image_name(image, images))
        server_models.suited(info, think=think, images=any("images" in one for one in checked))
        form = Format(format) if format is not None else None
        question = Question(
            full_name(model),
            info.digest,
            form.wire if form is not None else None,
            model_options.checked(options or {}),
            model_options.think(think),
            keep_alive,
        )
        return Chat(self, Maker(question), checked, images, form, fresh=fresh)

    def _image_name(self, image: object, images: dict[str, bytes]) -> str:
        """The hash of an image, whose bytes are kept in `images` when they were given."""
        if isinstance(image, bytes | bytearray | memoryview):
            data = bytes(image)
            hash = str(Hash.of(data))
            images[hash] = data
            return hash
        if self.store is None:
            message = "Without a store the images of a message are bytes; a hash names a blob of a store."
            raise InvalidArgument(message)
        return str(self.store.resolve(str(image)))

    def models(self) -> Listing[ModelInfo]:
        """The models that the server has."""
        return Listing(server_models.models(self.client))

    def show(self, model: str) -> dict[str, Any]:
        """Everything the server says about a model."""
        return server_models.ask(self.client, "/api/show", {"model": model}, model=model, host=self.url)

    def running(self) -> list[dict[str, Any]]:
        """The models in memory, as the server says it."""
        return [dict(one) for one in server_models.ask(self.client, "/api/ps", host=self.url).get("models") or []]

    def version(self) -> str:
        """The server's version."""
        return str(server_models.ask(self.client, "/api/version", host=self.url).get("version", ""))

    def pull(self, model: str, *, progress: ProgressLike = None) -> None:
        """Have the server fetch a model."""
        start = time.perf_counter()
        parts: dict[str, Pulled] = {}
        self._found.pop(model, None)
        with reporting(progress, f"pull {model}") as report:
            for part in server_models.pull(self.client, model):
                if part.digest:
                    parts[part.digest] = part
                if report is not None:
                    total = sum(one.total for one in parts.values())
                    report(sum(one.completed for one in parts.values()), total or None, 0, time.perf_counter() - start)


__all__ = ["Chat", "Ollama"]

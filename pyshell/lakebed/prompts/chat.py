"""`lakebed.Ollama`: single chats, streamed, their replies stored."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from lakebed._progress import ProgressLike, reporting
from lakebed._types import Hash
from lakebed.errors import InvalidArgument, OllamaError
from lakebed.models import Listing
from lakebed.prompts import model_options, server_models, storage
from lakebed.prompts.client import Client, Pulled, Timeouts
from lakebed.prompts.failures import reply_empty, thinking_cut
from lakebed.prompts.reply_builder import ReplyBuilder, is_cut_while_thinking
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.reply_text import ThoughtFilter
from lakebed.prompts.request import RequestBuilder, RequestSettings, checked_messages
from lakebed.prompts.results import ModelInfo
from lakebed.prompts.server import Server, find_server
from lakebed.prompts.storage import ReplyIndex, StoredReply
from lakebed.store import Store

__all__ = ["Chat", "Ollama"]


class Chat:
    """A reply while it arrives: an iterator over pieces of text; made by `Ollama.chat`.

    At its end `text`, `thinking`, `tool_calls`, `value` (with a format), `done_reason`, `stats` (counts, and durations
    in nanoseconds), `cached` and, with a store, `request` and `reply` (hashes of blobs) are set. A reply that the store
    already has comes as one piece. A reply that does not reach its end is not stored. The iterator raises
    `OllamaError`, and `ReplyInvalid` at its end.
    """

    def __init__(
        self,
        owner: Ollama,
        builder: RequestBuilder,
        messages: list[dict[str, Any]],
        images: dict[str, bytes],
        format: ReplyFormat | None,
        *,
        fresh: bool,
        raw: bool,
    ) -> None:
        self._raw = raw
        self._owner, self._builder, self._messages, self._images, self._format = (
            owner,
            builder,
            messages,
            images,
            format,
        )
        self.text = ""
        self.thinking = ""
        self.tool_calls: list[Any] = []
        self.value: Any = None
        self.done_reason = ""
        self.stats: dict[str, int] = {}
        self.cached = False
        self.reply: Hash | None = None
        data = builder.request(messages)
        self.request = Hash.of(data)
        self._data = data
        self._fresh = fresh
        self._pieces = self._run()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Ends the reply early, which stops the model."""
        self._pieces.close()

    def read(self) -> str:
        """Reads to the end. Returns the whole text."""
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
        known = ReplyIndex(store).find(str(self.request)) if store is not None and not self._fresh else None
        if known is not None:
            self.cached = True
            self._take(known)
            yield self.text
            return
        reply = yield from self._send(1)
        if reply.is_empty and not is_cut_while_thinking(reply):
            reply = yield from self._send(2)
        if is_cut_while_thinking(reply):
            self.thinking, self.done_reason, self.stats = reply.thinking, reply.done_reason, dict(reply.stats)
            raise thinking_cut(reply.model, reply.stats.get("eval_count"), reply.thinking)
        if reply.is_empty:
            self.done_reason, self.stats = reply.done_reason, dict(reply.stats)
            raise reply_empty(reply.model, reply.done_reason)
        if store is not None and not self._owner.is_unchanged(self._builder.settings):
            # The model became another version meanwhile: which of them replied is not known.
            self._data = RequestBuilder(replace(self._builder.settings, digest="")).request(self._messages)
            self.request = Hash.of(self._data)
            reply = replace(reply, request=str(self.request), digest="")
        data = reply.data()
        self._take(storage.stored_reply(str(Hash.of(data)), data))
        if store is not None:
            self.reply = Hash.of(data)
            self._store(store, data)

    def _send(self, attempt: int) -> Generator[str, None, storage.Reply]:
        """Sends the request, and yields the pieces of the text. Returns the reply."""
        builder = ReplyBuilder(self._builder.settings, allow_cloud=self._owner.allow_cloud)
        stream = self._owner.client.chat(self._builder.body(self._messages, self._image), self._builder.settings.model)
        thoughts = None if self._raw else ThoughtFilter()
        try:
            for chunk in stream:
                builder.add(chunk)
                if piece := chunk.content if thoughts is None else thoughts.feed(chunk.content):
                    yield piece
        finally:
            stream.close()
        if thoughts is not None and (rest := thoughts.end()):
            yield rest
        return builder.reply(str(self.request), attempt)

    def _image(self, hash: str) -> bytes:
        """The bytes of the image with this hash, of the messages or of the store."""
        if hash in self._images or self._owner.store is None:
            return self._images[hash]
        return self._owner.store.get(hash)

    def _store(self, store: Store, data: bytes) -> None:
        replies = ReplyIndex(store)
        while self._fresh or replies.find(str(self.request)) is None:
            if replies.add([data]):
                break
        for hash, image in self._images.items():
            if hash not in store:
                store.put(image)
        if str(self.request) not in store:
            store.append(storage.REQUESTS, [self._data])
        store.commit()

    def _take(self, reply: StoredReply) -> None:
        self.text = reply.raw if self._raw else reply.text
        self.thinking, self.tool_calls = reply.thinking, reply.tool_calls
        self.done_reason, self.stats = reply.done_reason, reply.stats
        self.reply = Hash(reply.hash) if self.cached else None
        if self._format is not None:
            self.value = self._format.value(reply.text, cut=reply.done_reason == "length")


class Ollama:
    """An Ollama server, and a store that keeps its replies.

        with lakebed.Ollama(store) as ollama:
            for piece in ollama.chat("llama3.2", "Why is the sky blue?"):
                print(piece, end="")

    The server is `host`, else OLLAMA_HOST, else the one of this machine. Without a store nothing is kept. Models that
    run elsewhere raise `CloudRefused` unless `allow_cloud`. Timeouts are in seconds: until the connection is open,
    until the first byte of a response, and between two pieces of it. Every method that asks the server raises
    `OllamaError`.
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
        self._server: Server = find_server(host, Timeouts(connect_timeout, first_timeout, stall_timeout))
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._server.address.url

    @property
    def client(self) -> Client:
        """The client, created when it is first used."""
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
        raw: bool = False,
    ) -> Chat:
        """Send a chat to a model. Returns the reply, an iterator over pieces of text.

        `messages` is a prompt, or a list of Ollama's messages, whose images are bytes or hashes of blobs. `format` is
        "json" or a JSON schema, against which the reply is checked. `options`, `think` and `keep_alive` are Ollama's. A
        reply to the same request that the store has is returned again, unless `fresh`. Thoughts in `<think>` tags at
        the beginning go to `thinking`, and a fence around JSON is no part of `text`, unless `raw`. An empty reply is
        requested once more.

        Raises `ModelMissing`, `CloudRefused`, `InvalidArgument`, `OllamaError`.
        """
        info = server_models.find(self.client, self._server.address, model, allow_cloud=self.allow_cloud)
        images: dict[str, bytes] = {}
        checked = checked_messages(messages, lambda image: self._image_name(image, images))
        server_models.check_capabilities(info, think=think, images=any("images" in one for one in checked))
        form = ReplyFormat(format) if format is not None else None
        settings = RequestSettings(
            info.name,
            info.digest,
            form.requested if form is not None else None,
            model_options.checked(options or {}),
            model_options.think(think),
            model_options.keep_alive(keep_alive),
        )
        return Chat(self, RequestBuilder(settings), checked, images, form, fresh=fresh, raw=raw)

    def is_unchanged(self, settings: RequestSettings) -> bool:
        """Whether the model is known to have the digest of `settings` still."""
        try:
            info = server_models.listed(self.client, self.url, settings.model)
        except OllamaError:
            return False
        return info is not None and info.digest == settings.digest

    def _image_name(self, image: object, images: dict[str, bytes]) -> str:
        """The hash of an image. Bytes are added to `images`."""
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
        """The models of the server."""
        return Listing(server_models.models(self.client, self.url))

    def show(self, model: str) -> dict[str, Any]:
        """What the server returns for `/api/show`: everything about a model."""
        return server_models.call(self.client, "/api/show", {"model": model}, model=model, host=self.url)

    def running(self) -> list[dict[str, Any]]:
        """The models in memory, as the server returns them for `/api/ps`."""
        return [dict(one) for one in server_models.call(self.client, "/api/ps", host=self.url).get("models") or []]

    def version(self) -> str:
        """The version of the server."""
        return str(server_models.call(self.client, "/api/version", host=self.url).get("version", ""))

    def pull(self, model: str, *, progress: ProgressLike = None) -> None:
        """Have the server fetch a model. `progress` is as for `Store.ingest`."""
        start = time.perf_counter()
        parts: dict[str, Pulled] = {}
        with reporting(progress, f"pull {model}") as report:
            for part in server_models.pull(self.client, model):
                if part.digest:
                    parts[part.digest] = part
                if report is not None:
                    total = sum(one.total for one in parts.values())
                    report(sum(one.completed for one in parts.values()), total or None, 0, time.perf_counter() - start)

"""The models of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lakebed.errors import InvalidArgument, NotOllama, OllamaError, OllamaRefused, ReplyGarbled
from lakebed.prompts.address import Address
from lakebed.prompts.client import Client, Pulled
from lakebed.prompts.failures import cloud_refused, failure, missing, other_server
from lakebed.prompts.model_names import is_cloud_name, name_key
from lakebed.prompts.results import ModelInfo


def call(
    client: Client, path: str, body: dict[str, Any] | None = None, *, model: str = "", host: str = ""
) -> dict[str, Any]:
    """The JSON object that an endpoint returns. Without `body` it is a GET. `model` and `host` are named in errors;
    raises `OllamaError`."""
    data = client.call(
        "GET" if body is None else "POST", path, None if body is None else json.dumps(body).encode(), model
    )
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise failure("json", "", 200, None, host, model, path)
    return value


def models(client: Client, host: str = "") -> list[ModelInfo]:
    """The models, and which are in memory. `host` is named in errors."""
    listed = _tags(client, host)
    loaded = {one.get("name"): one for one in _list(call(client, "/api/ps", host=host))}
    return [_info(one, loaded.get(one.get("name"))) for one in listed]


def _tags(client: Client, host: str) -> list[dict[str, Any]]:
    """The models as the server lists them. Raises `NotOllama` for another server, with what it is."""
    try:
        answer = call(client, "/api/tags", host=host)
    except (NotOllama, ReplyGarbled, OllamaRefused) as error:
        if _is_other(client):
            raise other_server(host, "it has no /api/tags, and lists models at /v1/models") from error
        raise
    if answer.get("object") == "list":
        raise other_server(host, "its list of models has OpenAI's form")
    if not isinstance(answer.get("models"), list) and answer.get("models", ...) is not None:
        if _is_other(client):
            raise other_server(host, "it lists models at /v1/models")
        raise failure("content", "its /api/tags lists no models", None, None, host, "", "/api/tags")
    return _list(answer)


def _is_other(client: Client) -> bool:
    """Whether the server has OpenAI's list of models."""
    try:
        return call(client, "/v1/models").get("object") == "list"
    except OllamaError:
        return False


def _list(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("models")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _info(one: dict[str, Any], loaded: dict[str, Any] | None) -> ModelInfo:
    details = one.get("details") or {}
    size = one.get("size")
    return ModelInfo(
        name=str(one.get("name", "")),
        size=size if isinstance(size, int) else 0,
        digest=str(one.get("digest", "")).removeprefix("sha256:"),
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
        context=details.get("context_length") or None,
        capabilities=tuple(map(str, one.get("capabilities") or ())),
        loaded=loaded is not None,
        loaded_context=(loaded or {}).get("context_length") or None,
        remote=one.get("remote_host") or None,
        modified=str(one.get("modified_at") or ""),
    )


def find(client: Client, address: Address, model: str, *, allow_cloud: bool) -> ModelInfo:
    """The model of this name, compared as Ollama does. Raises `ModelMissing`, and `CloudRefused` for a remote model
    unless `allow_cloud`."""
    if not model.strip():
        message = "There is no model: name one, as in llama3.2."
        raise InvalidArgument(message)
    if not allow_cloud and (address.is_cloud or is_cloud_name(model)):
        raise cloud_refused(model, "https://ollama.com")
    info = listed(client, address.url, model)
    if info is None:
        raise missing(model)
    if info.remote and not allow_cloud:
        raise cloud_refused(model, info.remote)
    return info


def listed(client: Client, host: str, model: str) -> ModelInfo | None:
    """The model in the server's list; None if it is not there. Raises `OllamaError`."""
    key = name_key(model)
    for one in _tags(client, host):
        if key in (name_key(str(one.get("name", ""))), name_key(str(one.get("model", "")))):
            return _info(one, None)
    return None


def check_capabilities(info: ModelInfo, *, think: object, images: bool) -> None:
    """Raises `InvalidArgument` if the model lacks a capability that the request needs."""
    if not info.capabilities:
        return
    for wanted, ability, what in (
        (True, "completion", "chat"),
        (bool(think), "thinking", "think"),
        (images, "vision", "see images"),
    ):
        if wanted and ability not in info.capabilities:
            message = f"{info.name} cannot {what}: it offers {', '.join(info.capabilities)}."
            raise InvalidArgument(message)


def pull(client: Client, model: str) -> Iterator[Pulled]:
    """Has the server fetch a model; yields the progress."""
    body = json.dumps({"model": model, "stream": True}).encode()
    yield from client.pull(body, model)

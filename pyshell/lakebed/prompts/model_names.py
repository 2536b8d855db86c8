"""Names of models, as Ollama compares them: `host/namespace/model:tag`. Pure."""

from __future__ import annotations

_DEFAULTS = ("registry.ollama.ai", "library")
_DEFAULT_TAG = "latest"


def name_key(model: str) -> tuple[str, str, str, str]:
    """What two names of one model have in common: host, namespace, model and tag, with the defaults, in lower case."""
    text = model.strip()
    for scheme in ("http://", "https://"):
        text = text.removeprefix(scheme)
    *places, last = text.lower().rsplit("/", 2)
    name, _, tag = last.partition(":")
    host, namespace = (*_DEFAULTS[: 2 - len(places)], *places)
    return host, namespace, name, tag or _DEFAULT_TAG


def full_name(model: str) -> str:
    """The name with its tag, and without a host and namespace that are the defaults: `llama3.2` and
    `library/llama3.2:latest` are `llama3.2:latest`. Case is kept."""
    text = model.strip()
    for scheme in ("http://", "https://"):
        text = text.removeprefix(scheme)
    host, namespace, _, _ = name_key(text)
    *places, last = text.rsplit("/", 2)
    if host == _DEFAULTS[0]:
        places = [] if namespace == _DEFAULTS[1] else places[-1:]
    return "/".join((*places, last if ":" in last else f"{last}:{_DEFAULT_TAG}"))


def is_cloud_name(model: str) -> bool:
    """Whether the name of a model says that it runs at ollama.com."""
    tag = model.strip().lower().rpartition("/")[2].partition(":")[2]
    return tag == "cloud" or tag.endswith("-cloud")

"""Saved templates: rows of the collection `_prompts`. `@name` is the newest version, `@name:3f9a` the one whose hash
begins so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from lakebed._records import to_json
from lakebed.errors import CollectionNotFound, InvalidArgument
from lakebed.prompts.results import TemplateVersion
from lakebed.prompts.storage import PROMPTS
from lakebed.store import Store


class SavedTemplate(NamedTuple):
    """A template with its system prompt and format."""

    template: str
    system: str | None = None
    format: str | Mapping[str, Any] | None = None


def row(name: str, saved: SavedTemplate) -> bytes:
    """The row of a template. Raises `InvalidArgument` for a name that cannot be one."""
    if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        message = f"A template's name is letters, digits, - _ and ., not {name!r}."
        raise InvalidArgument(message)
    return to_json({"name": name, "template": saved.template, "system": saved.system, "format": saved.format})


def versions(store: Store) -> list[TemplateVersion]:
    """All saved templates, by name; the versions of each newest first."""
    try:
        rows = list(store.scan(PROMPTS))
    except CollectionNotFound:
        return []
    found = [
        TemplateVersion(
            name=value["name"],
            version=str(row.hash)[:8],
            template=value["template"],
            system=value["system"],
            format=value["format"],
            saved=row.ingested_at,
        )
        for row in reversed(rows)
        if (value := json.loads(row.data))
    ]
    return sorted(found, key=lambda one: one.name)


def load(store: Store, reference: str) -> SavedTemplate:
    """The template that `@name` or `@name:hash` names. Raises `InvalidArgument` if there is none."""
    name, _, version = reference.removeprefix("@").partition(":")
    names = set()
    found: SavedTemplate | None = None
    try:
        for one in store.scan(PROMPTS):
            value = json.loads(one.data)
            names.add(value["name"])
            if value["name"] == name and str(one.hash).startswith(version):
                found = SavedTemplate(value["template"], value["system"], value["format"])
    except CollectionNotFound:
        pass
    if found is None:
        there = f"there is {', '.join(sorted(names))}" if names else "none is saved yet: --save NAME saves one"
        message = f"There is no saved template {reference}; {there}. A template that begins with @ is written with \\@."
        raise InvalidArgument(message)
    return found

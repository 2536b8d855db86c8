"""Running prompts over the collection `issues`, and reading what was stored."""

from __future__ import annotations

from typing import Any

import lakebed

SCHEMA = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
TITLES = "SELECT title FROM issues ORDER BY id"


def ask(
    store: lakebed.Store,
    model: str = "llama3.2",
    template: str = "Say {title}",
    query: str | None = TITLES,
    **more: Any,
) -> tuple[list[Any], lakebed.PromptReport]:
    """Runs to the end, with short pauses between attempts."""
    run = lakebed.prompt(store, model, template, query, **more)
    run._plan.backoff = run._breaker._first_delay = 0.02
    return list(run), run.report


def rows(store: lakebed.Store, collection: str) -> list[Any]:
    """The rows of a collection, parsed."""
    return [row.json() for row in store.scan(collection)]

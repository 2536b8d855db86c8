"""`lakebed models` and `lakebed pull`."""

from __future__ import annotations

from lakebed._cli import render
from lakebed._cli.environment.context import Context
from lakebed._cli.render import Column


def models(context: Context, host: str | None, format: str | None, rows: int | None) -> None:
    """Lists the models of the server."""
    import lakebed

    with lakebed.Ollama(host=host) as ollama:
        found = ollama.models()
    columns = [
        Column("name", "VARCHAR", is_key=True),
        Column("parameters", "VARCHAR"),
        Column("quantization", "VARCHAR"),
        Column("size", "VARCHAR"),
        Column("context", "BIGINT"),
        Column("capabilities", "VARCHAR"),
        Column("loaded", "VARCHAR"),
        Column("digest", "VARCHAR"),
    ]
    shown = [
        (
            one.name,
            one.parameters,
            one.quantization,
            f"at {one.remote}" if one.remote else render.size(one.size),
            one.context,
            ", ".join(one.capabilities),
            f"{one.loaded_context or ''} tokens" if one.loaded else None,
            one.digest[:12],
        )
        for one in found
    ]
    context.listing(found, columns, shown, format, rows)


def pull(context: Context, model: str, host: str | None) -> None:
    """Downloads a model to the server."""
    import lakebed

    with lakebed.Ollama(host=host) as ollama:
        ollama.pull(model, progress=context.progress)
    context.note(f"note: {model} is downloaded")

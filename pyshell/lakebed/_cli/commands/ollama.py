"""`lakebed models`, `lakebed pull` and `lakebed templates`."""

from __future__ import annotations

from collections import Counter

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


def templates(context: Context, name: str | None, format: str | None, rows: int | None) -> None:
    """Lists saved templates: the newest version of each, or all versions of one.

    Raises `InvalidArgument` when there is no template of this name.
    """
    from lakebed.prompts import saved_templates

    with context.open() as store:
        found = saved_templates.versions(store)
        if name is not None and all(one.name != name.removeprefix("@") for one in found):
            saved_templates.load(store, name)
    count = Counter(one.name for one in found)
    newest = {one.name: one for one in reversed(found)}
    shown = (
        list(newest.values())[::-1] if name is None else [one for one in found if one.name == name.removeprefix("@")]
    )
    columns = [
        Column("name", "VARCHAR"),
        Column("version", "VARCHAR"),
        Column("versions", "BIGINT"),
        Column("saved", "VARCHAR"),
        Column("template", "VARCHAR"),
        Column("system", "VARCHAR"),
        Column("format", "VARCHAR"),
    ]
    lines = [
        (
            one.name,
            one.version,
            count[one.name],
            f"{one.saved:%Y-%m-%d %H:%M}",
            one.template,
            one.system,
            None if one.format is None else one.format if isinstance(one.format, str) else "a schema",
        )
        for one in shown
    ]
    context.listing(shown, columns, lines, format, rows)

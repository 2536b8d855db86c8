"""`lakebed.prompt`, and the same as a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lakebed.duck.names import view_names
from lakebed.errors import InvalidArgument, OllamaUnreachable
from lakebed.prompts import model_options, saved_templates, server_models
from lakebed.prompts.address import full_name
from lakebed.prompts.client import Timeouts, server
from lakebed.prompts.input_rows import GivenRows, Rows, SelectedRows
from lakebed.prompts.preview import dry_run as _dry_run
from lakebed.prompts.reply_format import Format
from lakebed.prompts.request import Question
from lakebed.prompts.results import DryRun
from lakebed.prompts.run import Run
from lakebed.prompts.run_plan import Plan, last_digest
from lakebed.prompts.template import Template
from lakebed.store import Store

if TYPE_CHECKING:
    import duckdb


def prompt(
    store: Store,
    model: str,
    template: str,
    query: str | None = None,
    rows: Iterable[Mapping[str, Any]] | None = None,
    *,
    into: str | None = "results",
    system: str | None = None,
    format: str | Mapping[str, Any] | None = None,
    image: str | None = None,
    options: Mapping[str, Any] | None = None,
    think: bool | str | None = None,
    keep_alive: str | float | None = None,
    jobs: int = 2,
    wait: float = 1800.0,
    max_errors: int = 50,
    fresh: bool = False,
    any_digest: bool = False,
    allow_cloud: bool = False,
    save: str | None = None,
    host: str | None = None,
    timeouts: Timeouts | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Run:
    """Ask a model about each row; an iterator of results, each stored before it is given.

        for result in lakebed.prompt(store, "llama3.2", "Summarise: {title}", query="SELECT title FROM issues"):
            print(result.text)

    - `template`: `{column}`, `{struct.field}`, `{{` a brace, `\\n`, `\\t`, `\\\\`; or `@name`, a saved one (`save="name"` saves this one).
    - `query`: one SELECT over the store's collections (or over `connection`); or `rows`, mappings; with neither one prompt is asked.
    - `into`: the collection that gets a row per input row; None stores requests and replies alone.
    - `format`: "json" or a JSON schema; replies are checked, and asked for once more when they do not fit.
    - `image`: the column with the hash of an image in the store, several of them, or the image's bytes.
    - `options`, `think`, `keep_alive`: Ollama's.
    - `jobs`: requests at a time. `wait`: seconds that a server in trouble is waited for. `max_errors`: rows that may fail.
    - `fresh`: ask again what is answered already. `any_digest`: accept replies of other versions of the model.

    Equal prompts are asked once. The same call again asks only what is missing; rows that failed are asked again.
    Raises `ModelMissing`, `OllamaUnreachable`, `CloudRefused`, `InvalidArgument`; errors of single rows are in their results.
    """
    plan, _, _ = _plan(store, model, template, query, rows, **_rest(locals()))
    return Run(plan)


def dry_run(
    store: Store,
    model: str,
    template: str,
    query: str | None = None,
    rows: Iterable[Mapping[str, Any]] | None = None,
    **settings: Any,
) -> DryRun:
    """What `prompt` with the same arguments would do. Works without the server too, and changes nothing."""
    plan, reachable, digest = _plan(store, model, template, query, rows, dry=True, **settings)
    return _dry_run(plan, reachable=reachable, digest=digest)


_POSITIONAL = ("store", "model", "template", "query", "rows")


def _rest(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in _POSITIONAL}


def _plan(
    store: Store,
    model: str,
    template: str,
    query: str | None,
    rows: Iterable[Mapping[str, Any]] | None,
    *,
    dry: bool = False,
    into: str | None = "results",
    system: str | None = None,
    format: str | Mapping[str, Any] | None = None,
    image: str | None = None,
    options: Mapping[str, Any] | None = None,
    think: bool | str | None = None,
    keep_alive: str | float | None = None,
    save: str | None = None,
    host: str | None = None,
    timeouts: Timeouts | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
    **more: Any,
) -> tuple[Plan, bool, str | None]:
    """Everything checked that can be, before the first request."""
    if query is not None and rows is not None:
        message = "The rows come from a query or from Python: give query or rows, not both."
        raise InvalidArgument(message)
    if into is not None and (not into or into.startswith("_")):
        message = f"The results cannot go into {into!r}: names that begin with _ are lakebed's own."
        raise InvalidArgument(message)
    saved = saved_templates.Saved(template, system, format)
    if template.startswith("@"):
        found = saved_templates.load(store, template)
        saved = saved_templates.Saved(found.template, system or found.system, format or found.format)
    saving = (save, saved_templates.row(save, saved)) if save is not None else None
    parsed = Template(saved.template)
    checked = model_options.checked(options or {})
    thinking = model_options.think(think)
    form = Format(saved.format) if saved.format is not None else None
    place = server(host, timeouts)
    client = place.client()
    at_end = [client.close]
    notes: list[str] = []
    try:
        reachable = True
        try:
            info = server_models.find(client, place.address, model, allow_cloud=bool(more.get("allow_cloud")))
            server_models.suited(info, think=thinking, images=image is not None)
            digest: str | None = info.digest
        except OllamaUnreachable as error:
            if not dry:
                raise
            reachable, digest = False, last_digest(store, full_name(model))
            notes.append(error.message)
        if reachable and (before := last_digest(store, full_name(model))) not in (None, digest):
            accepted = "accepted" if more.get("any_digest") else "not used (--any-digest accepts them)"
            notes.append(
                f"{model} is another version than in its last run ({str(before)[:12]} then, {str(digest)[:12]} now): "
                f"replies of the older one are {accepted}"
            )
        source = _rows(store, query, rows, connection, at_end)
        if source.why_no_sources and query is not None:
            notes.append(f"the rows that each prompt came from are not recorded: {source.why_no_sources}")
        question = Question(
            full_name(model), digest or "", form.wire if form is not None else None, checked, thinking, keep_alive
        )
        try:
            plan = Plan(
                store,
                client,
                question,
                parsed,
                source,
                system=saved.system,
                image=image,
                format=form,
                into=into,
                query=query,
                save=saving,
                notes=notes,
                at_end=at_end,
                **more,
            )
        except BaseException:
            source.close()
            raise
    except BaseException:
        for end in reversed(at_end):
            end()
        raise
    return plan, reachable, digest


def _rows(
    store: Store,
    query: str | None,
    rows: Iterable[Mapping[str, Any]] | None,
    connection: duckdb.DuckDBPyConnection | None,
    at_end: list[Any],
) -> Rows:
    if query is None:
        return GivenRows([{}] if rows is None else rows)
    if connection is None:
        import lakebed

        connection = lakebed.connect(store, config={"python_enable_replacements": False})
        connection.execute("SET TimeZone = 'UTC'")
        at_end.append(connection.close)
    named = view_names(info.name for info in sorted(store.collections(), key=lambda one: one.id))
    return SelectedRows(connection, query, {view.casefold(): name for name, view in named.items()})

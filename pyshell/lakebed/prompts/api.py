"""`lakebed.prompt`, and its preview `lakebed.dry_run`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lakebed.duck.names import view_names
from lakebed.errors import InvalidArgument, OllamaUnreachable
from lakebed.prompts import model_options, saved_templates, server_models
from lakebed.prompts.client import Timeouts
from lakebed.prompts.input_rows import GivenRows, InputRows, QueryRows
from lakebed.prompts.model_names import full_name
from lakebed.prompts.model_watch import ModelWatch
from lakebed.prompts.preview import preview
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.request import RequestSettings
from lakebed.prompts.results import DryRun
from lakebed.prompts.run import Run
from lakebed.prompts.run_plan import RunPlan, last_digest
from lakebed.prompts.saved_templates import SavedTemplate
from lakebed.prompts.server import find_server
from lakebed.prompts.template import Template
from lakebed.store import Store

if TYPE_CHECKING:
    import duckdb

__all__ = ["dry_run", "prompt"]


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
    raw: bool = False,
    save: str | None = None,
    host: str | None = None,
    timeouts: Timeouts | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Run:
    """Prompt a model over rows. Returns a run, an iterator of results; each is stored before it is returned.

        for result in lakebed.prompt(store, "llama3.2", "Summarise: {title}", query="SELECT title FROM issues"):
            print(result.text)

    - `template`: `{column}`, `{struct.field}`, `{{` a brace, `\\n`, `\\t`, `\\\\`; or `@name`, a saved template.
    - `query`: one SELECT over the store's collections (or over `connection`); or `rows`: mappings. With neither, one
      prompt is sent.
    - `into`: the collection that gets a row per input row; None stores only requests and replies.
    - `system`: the system prompt.
    - `format`: "json" or a JSON schema. Replies are checked; a reply that does not match is requested once more.
    - `image`: the column with the hash of an image in the store, with several hashes, or with the bytes of an image.
    - `options`, `think`, `keep_alive`: Ollama's.
    - `jobs`: requests at a time. `wait`: seconds to wait for a server in trouble. `max_errors`: rows with errors that
      end the run.
    - `fresh`: send also requests whose reply is in the store. `any_digest`: accept replies of other versions of the
      model.
    - `raw`: leave thoughts in `<think>` tags, and the fence around JSON, in the text.
    - `allow_cloud`: allow models that run elsewhere. `save`: a name under which the template is saved.
    - `host`: the server; without it OLLAMA_HOST, else this machine's. `timeouts`: time limits of a request.

    Equal prompts are sent once. The same call again sends only what is missing; rows with errors are sent again. Raises
    `ModelMissing`, `OllamaUnreachable`, `CloudRefused`, `InvalidArgument`; errors of single rows are in their results.
    """
    prepared = _prepare(
        store,
        model,
        template,
        query,
        rows,
        into=into,
        system=system,
        format=format,
        image=image,
        options=options,
        think=think,
        keep_alive=keep_alive,
        save=save,
        host=host,
        timeouts=timeouts,
        connection=connection,
        jobs=jobs,
        wait=wait,
        max_errors=max_errors,
        fresh=fresh,
        any_digest=any_digest,
        allow_cloud=allow_cloud,
        raw=raw,
    )
    return Run(prepared.plan)


def dry_run(
    store: Store,
    model: str,
    template: str,
    query: str | None = None,
    rows: Iterable[Mapping[str, Any]] | None = None,
    **settings: Any,
) -> DryRun:
    """What `prompt` with the same arguments would do. It changes nothing, and works without the server too.

    Raises like `prompt`, but for `OllamaUnreachable`.
    """
    prepared = _prepare(store, model, template, query, rows, needs_server=False, **settings)
    return preview(prepared.plan, reachable=prepared.reachable, digest=prepared.digest)


class _Prepared(NamedTuple):
    plan: RunPlan
    reachable: bool
    digest: str | None


def _prepare(
    store: Store,
    model: str,
    template: str,
    query: str | None,
    rows: Iterable[Mapping[str, Any]] | None,
    *,
    needs_server: bool = True,
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
    any_digest: bool = False,
    allow_cloud: bool = False,
    **limits: Any,
) -> _Prepared:
    """Checks everything that can be checked before the first request. `limits` are those of `RunPlan`."""
    if query is not None and rows is not None:
        message = "The rows come from a query or from Python: give query or rows, not both."
        raise InvalidArgument(message)
    if into is not None and (not into or into.startswith("_")):
        message = f"The results cannot go into {into!r}: names that begin with _ are lakebed's own."
        raise InvalidArgument(message)
    saved = SavedTemplate(template, system, format)
    if template.startswith("@"):
        found = saved_templates.load(store, template)
        saved = SavedTemplate(found.template, system or found.system, format or found.format)
    to_save = (save, saved_templates.row(save, saved)) if save is not None else None
    parsed = Template(saved.template)
    checked = model_options.checked(options or {})
    thinking = model_options.think(think)
    keep = model_options.keep_alive(keep_alive)
    reply_format = ReplyFormat(saved.format) if saved.format is not None else None
    server = find_server(host, timeouts)
    client = server.client()
    at_end: list[Callable[[], None]] = [client.close]
    notes: list[str] = []
    try:
        reachable = True
        name, digest = full_name(model), None
        try:
            info = server_models.find(client, server.address, model, allow_cloud=allow_cloud)
            server_models.check_capabilities(info, think=thinking, images=image is not None)
            name, digest = info.name, info.digest or None
        except OllamaUnreachable as error:
            if needs_server:
                raise
            reachable, digest = False, last_digest(store, name)
            notes.append(error.message)
        if reachable and (before := last_digest(store, name)) not in (None, digest):
            accepted = "accepted" if any_digest else "not used (--any-digest accepts them)"
            notes.append(
                f"{model} is another version than in its last run ({str(before)[:12]} then, {str(digest)[:12]} now): "
                f"replies of the older one are {accepted}"
            )
        input_rows = _input_rows(store, query, rows, connection, at_end)
        if input_rows.why_no_sources and query is not None:
            notes.append(f"the rows that each prompt came from are not recorded: {input_rows.why_no_sources}")
        settings = RequestSettings(
            name,
            digest or "",
            reply_format.requested if reply_format is not None else None,
            checked,
            thinking,
            keep,
        )
        watch = ModelWatch(server.hasty().client, server.address.url, settings.model, settings.digest)
        at_end.append(watch.close)
        try:
            plan = RunPlan(
                store,
                client,
                settings,
                parsed,
                input_rows,
                watch,
                system=saved.system,
                image=image,
                format=reply_format,
                into=into,
                query=query,
                save=to_save,
                any_digest=any_digest,
                allow_cloud=allow_cloud,
                notes=notes,
                at_end=at_end,
                **limits,
            )
        except BaseException:
            input_rows.close()
            raise
    except BaseException:
        for end in reversed(at_end):
            end()
        raise
    return _Prepared(plan, reachable, digest)


def _input_rows(
    store: Store,
    query: str | None,
    rows: Iterable[Mapping[str, Any]] | None,
    connection: duckdb.DuckDBPyConnection | None,
    at_end: list[Callable[[], None]],
) -> InputRows:
    """The rows of the query or of Python. A connection that is opened for them is closed by `at_end`."""
    if query is None:
        return GivenRows([{}] if rows is None else rows)
    if connection is None:
        from lakebed.duck import connect

        connection = connect(store, config={"python_enable_replacements": False})
        connection.execute("SET TimeZone = 'UTC'")
        at_end.append(connection.close)
    named = view_names(info.name for info in sorted(store.collections(), key=lambda one: one.id))
    return QueryRows(connection, query, {view.casefold(): name for name, view in named.items()})

"""`lakebed prompt`, and the verb `prompt` of pipes: asks a model about each row of a query."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import lakebed
from lakebed._cli import render
from lakebed._cli.commands.prompt_display import ReplyDisplay, StatusLine
from lakebed._cli.commands.prompt_store import opened_or_scratch, scratch
from lakebed._cli.commands.prompt_text import prompt_text
from lakebed._cli.environment.context import Context
from lakebed._cli.results import execution
from lakebed.errors import FormatRefused, Interrupted, InvalidArgument, OllamaError

if TYPE_CHECKING:
    from lakebed._cli.pipes.rows import PipedRows
    from lakebed.prompts import Run
    from lakebed.prompts.results import DryRun, PromptReport
    from lakebed.store import Store


def prompt(context: Context, model: str, template: str, query: str | None, **given: Any) -> int | None:
    """Asks a model about each row of a query, stores the replies and writes each result; with `dry_run`, reports what
    would be sent. A store that does not exist is made when everything that can be checked has been.

    The exit code, if it is not 0: 1 when rows failed, 130 after Ctrl-C. Raises `OllamaError` when the server is lost,
    `InvalidArgument` for arguments that do not fit.
    """
    dry, no_store = given.pop("dry_run"), given.pop("no_store")
    settings = _settings(given)
    # In the shell, the command line of the process is not this command.
    again = shlex.join(["lakebed", *sys.argv[1:]]) if "prompt" in sys.argv else "the same again"
    with execution.translated_errors(), contextlib.ExitStack() as stack:
        store, exists = stack.enter_context(opened_or_scratch(context, "r" if dry or no_store else "a"))
        if query is not None and not exists and not _runs_without_store(store, query):
            context.open("r")
        text = prompt_text(context, store, template, has_rows=query is not None)
        if dry:
            _show_plan(context, store, model, text, query, settings)
            return None
        if no_store:
            return _ask_without_store(context, store, model, text, query, settings)
        if not exists:
            # Whatever is wrong with the arguments, or with the server, is found out before a store is made.
            lakebed.prompt(store, model, text, query, **settings).close()
            store = stack.enter_context(context.open("a", create=True))
        return _run(context, lakebed.prompt(store, model, text, query, **settings), again)


def pipe(context: Context, rows: PipedRows, model: str, template: str, **given: Any) -> int | None:
    """The same as `prompt`, for the rows of a pipe."""
    dry, no_store = given.pop("dry_run"), given.pop("no_store")
    if given["schema"] not in (None, "json"):
        context.allow_file(given["schema"])
    settings = _settings(given) | {"connection": rows.connection}
    with context.open("r" if dry or no_store else "a") as store:
        text = prompt_text(context, store, template, has_rows=True)
        if dry:
            _show_plan(context, store, model, text, rows.sql, settings)
            return None
        if no_store:
            return _ask_without_store(context, store, model, text, rows.sql, settings)
        return _run(context, lakebed.prompt(store, model, text, rows.sql, **settings), again="the same again")


def _runs_without_store(store: Store, query: str) -> bool:
    """Whether the query has no need of a collection; `store` is empty."""
    import duckdb

    with contextlib.closing(lakebed.connect(store)) as connection:
        try:
            connection.execute(f"EXPLAIN {query}")
        except duckdb.CatalogException:
            return False
        except duckdb.Error:
            return True
    return True


def _show_plan(
    context: Context, store: Store, model: str, template: str, query: str | None, settings: dict[str, Any]
) -> None:
    """Reports what would be sent."""
    planned = lakebed.dry_run(store, model, template, query, **settings)
    context.report(planned, _planned_lines(planned, *context.screen))


def _ask_without_store(
    context: Context, store: Store, model: str, template: str, query: str | None, settings: dict[str, Any]
) -> int:
    """Runs the prompts with the rows and templates of `store`, and stores nothing in it."""
    from lakebed.prompts import saved_templates

    if settings["save"] is not None:
        message = "--save saves the template in a store, and --no-store uses none: leave out one of them."
        raise InvalidArgument(message)
    if template.startswith("@"):
        saved = saved_templates.load(store, template)
        template = saved.template
        settings = {
            **settings,
            "system": settings["system"] or saved.system,
            "format": settings["format"] or saved.format,
        }
    with contextlib.ExitStack() as stack:
        if query is not None and "connection" not in settings:
            connection = stack.enter_context(contextlib.closing(lakebed.connect(store)))
            connection.execute("SET TimeZone = 'UTC'")
            settings = {**settings, "connection": connection}
        kept = stack.enter_context(scratch())
        return _run(context, lakebed.prompt(kept, model, template, query, **(settings | {"into": None})), again="")


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the verb as those of `lakebed.prompt`."""
    from lakebed.prompts import model_options
    from lakebed.prompts.reply_format import read_schema

    settings = dict(given)
    schema = settings.pop("schema")
    settings["format"] = read_schema(schema) if schema is not None else None
    settings["options"] = model_options.from_words(tuple(settings.pop("option")))
    settings["wait"] = _seconds(settings["wait"])
    limit = settings.pop("timeout")
    if limit is not None:
        seconds = _seconds(limit)
        if seconds <= 0:
            message = "A time limit is more than 0 seconds; write it like 90s, 30m or 2h."
            raise InvalidArgument(message)
        settings["timeouts"] = lakebed.Timeouts(first=seconds, stall=seconds, total=seconds)
    return settings


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def _seconds(text: str) -> float:
    """The seconds of a duration such as 90, 90s, 30m or 2h.

    Raises `InvalidArgument` for any other text.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)", text.strip())
    if found is None:
        message = f"{text!r} is not a duration; write it like 90s, 30m or 2h."
        raise InvalidArgument(message)
    return float(found[1]) * _UNITS[found[2]]


def _run(context: Context, run: Run, again: str) -> int:
    """Writes the results of a run as they arrive; the exit code. `again` is the command that continues the run."""
    before = run.report.notes
    for note in before:
        context.note(f"note: {note}")
    as_rows = context.json or not context.on_terminal
    line = StatusLine(run) if context.progress else None
    display = None if as_rows else ReplyDisplay(context, run, line, raw=run.is_raw)
    try:
        with _interruptible(context, run), run, line or contextlib.nullcontext():
            if line is not None:
                run.count_rows()
            for result in run:
                with line.hidden() if line is not None else contextlib.nullcontext():
                    if display is None:
                        context.say(result.model_dump_json(), json=True)
                        sys.stdout.flush()
                    else:
                        display.show(result)
    except (Interrupted, OllamaError) as error:
        _show_end(context, run.report, before)
        if again and not isinstance(error, FormatRefused):
            context.note(f"note: to continue: {again}")
        if isinstance(error, Interrupted):
            context.note("Interrupted.")
            return 130
        raise
    report = run.report
    _show_end(context, report, before)
    if report.cut:
        context.note(f"note: {render.count(report.cut, 'reply', 'replies')} ended at a limit (done_reason: length)")
    for reason in report.reasons[:_REASONS]:
        context.note(f"note: {reason.kind}: {_brief(reason.message)}")
    if report.outcome == "too_many_errors":
        more = f"; to continue: {again}" if again else ""
        context.note(f"note: stopped after {report.errors:,} rows failed (--max-errors){more}")
    elif report.errors and again:
        context.note(f"note: the same command sends failed rows again: {again}")
    return 1 if report.errors else 0


def _show_end(context: Context, report: PromptReport, before: Collection[str]) -> None:
    """Writes the notes that have come since `before`, and what the run did."""
    for note in report.notes:
        if note not in before:
            context.note(f"note: {note}")
    context.note(f"note: {_summary(report)}")


def _summary(report: PromptReport) -> str:
    """What a run did, in one line."""
    parts = [f"{report.new:,} asked"]
    for number, what in ((report.cached, "from the store"), (report.present, "done before")):
        if number:
            parts.append(f"{number:,} {what}")
    if report.errors:
        reasons = [f"{one.rows:,} {one.kind}" for one in report.reasons[:_REASONS]]
        others = report.errors - sum(one.rows for one in report.reasons[:_REASONS])
        reasons += [f"{others:,} of other kinds"] if others else []
        parts.append(f"{report.errors:,} failed ({', '.join(reasons)})")
    speed = (
        f", {report.reply_tokens / report.seconds:,.0f} tokens/s"
        if report.reply_tokens and report.seconds > 0.1
        else ""
    )
    into = f" -> {report.into}" if report.into else ""
    requests = f" with {render.count(report.asked, 'request')}" if report.asked != report.new else ""
    return f"{render.count(report.rows, 'row')}: {', '.join(parts)}, in {report.seconds:.1f} s{requests}{speed}{into}"


@contextlib.contextmanager
def _interruptible(context: Context, run: Run) -> Iterator[None]:
    """While entered, the first Ctrl-C finishes the requests in flight, the second cancels them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    times = 0

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal times
        times += 1
        if times == 1:
            run.finish()
            context.note("\nFinishing the requests in flight; Ctrl-C again cancels them.")
        else:
            run.abort()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_REASONS = 3
"""The reasons of failed rows that are named at the end of a run."""


def _brief(text: str) -> str:
    """A text as one line of at most 200 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:200] + "..."


def _planned_lines(planned: DryRun, width: int, height: int) -> Iterator[str]:
    """The report of a dry run as lines, with as much of the first prompt as fits on a screen of this size."""
    before = [
        f"{render.count(planned.rows, 'row')}, {render.count(planned.distinct, 'different prompt')}",
        f"  {planned.answered:,} answered already, {planned.distinct - planned.answered:,} to ask",
        f"  {planned.present:,} rows have their result already",
        f"  about {planned.prompt_tokens:,} tokens of prompts, at {planned.characters_per_token:.1f} characters a token",
        *(f"  note: {note}" for note in planned.notes),
    ]
    yield from before
    if planned.first_prompt is None:
        return
    yield "the first prompt:"
    room = max(3, height - len(before) - 4)
    shown = 0
    for line in itertools.islice(_folded(planned.first_prompt, width), room):
        shown += len(line)
        yield line.removesuffix("\n")
    if shown < len(planned.first_prompt):
        yield f"... and {render.count(len(planned.first_prompt) - shown, 'character')} more"


def _folded(text: str, width: int) -> Iterator[str]:
    """The lines of a text, in pieces of at most `width` characters, each with its line break."""
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), width):
            yield line[start : start + width]

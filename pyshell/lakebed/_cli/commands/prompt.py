"""`lakebed prompt`, and the verb `prompt` of pipes: asks a model about each row of a query."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lakebed._cli import render
from lakebed._cli.commands.prompt_display import ReplyDisplay, StatusLine
from lakebed._cli.environment.context import Context
from lakebed._cli.results import execution
from lakebed.errors import Interrupted, InvalidArgument, OllamaError

if TYPE_CHECKING:
    from lakebed._cli.pipes.rows import PipedRows
    from lakebed.prompts import Run
    from lakebed.prompts.results import DryRun, PromptReport


def prompt(context: Context, model: str, template: str, query: str | None, **given: Any) -> int | None:
    """Asks a model about each row of a query, stores the replies and writes each result; with `dry_run`, reports what
    would be sent.

    The exit code, if it is not 0: 1 when rows failed, 130 after Ctrl-C. Raises `OllamaError` when the server is lost,
    `InvalidArgument` for arguments that do not fit.
    """
    from lakebed.prompts import dry_run

    dry = given.pop("dry_run")
    settings = _settings(given)
    with execution.translated_errors(), context.open("r" if dry else "a") as store:
        if dry:
            planned = dry_run(store, model, template, query, **settings)
            context.report(planned, _planned_lines(planned))
            return None
        import lakebed

        run = lakebed.prompt(store, model, template, query, **settings)
        # In the shell, the command line of the process is not this command.
        again = shlex.join(["lakebed", *sys.argv[1:]]) if "prompt" in sys.argv else "the same again"
        return _run(context, run, again)


def pipe(context: Context, rows: PipedRows, model: str, template: str, **given: Any) -> int | None:
    """The same as `prompt`, for the rows of a pipe."""
    from lakebed.prompts import dry_run

    dry = given.pop("dry_run")
    if given["schema"] not in (None, "json"):
        context.allow_file(given["schema"])
    settings = _settings(given) | {"connection": rows.connection}
    with context.open("r" if dry else "a") as store:
        if dry:
            planned = dry_run(store, model, template, rows.sql, **settings)
            context.report(planned, _planned_lines(planned))
            return None
        import lakebed

        run = lakebed.prompt(store, model, template, rows.sql, **settings)
        return _run(context, run, again="the same again")


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the verb as those of `lakebed.prompt`."""
    from lakebed.prompts import model_options
    from lakebed.prompts.reply_format import read_schema

    settings = dict(given)
    schema = settings.pop("schema")
    settings["format"] = read_schema(schema) if schema is not None else None
    settings["options"] = model_options.from_words(tuple(settings.pop("option")))
    settings["wait"] = _seconds(settings["wait"])
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
    for note in run.report.notes:
        context.note(f"note: {note}")
    as_rows = context.json or not context.on_terminal
    line = StatusLine(run) if context.progress else None
    display = None if as_rows else ReplyDisplay(context, run, line)
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
        context.note(f"note: {_summary(run.report)}")
        context.note(f"note: to continue: {again}")
        if isinstance(error, Interrupted):
            context.note("Interrupted.")
            return 130
        raise
    report = run.report
    context.note(f"note: {_summary(report)}")
    if report.cut:
        context.note(f"note: {render.count(report.cut, 'reply', 'replies')} ended at a limit (done_reason: length)")
    if report.outcome == "too_many_errors":
        context.note(f"note: stopped after {report.errors:,} rows failed (--max-errors); to continue: {again}")
    elif report.errors:
        context.note(f"note: the same command sends failed rows again: {again}")
    return 1 if report.errors else 0


def _summary(report: PromptReport) -> str:
    """What a run did, in one line."""
    parts = [f"{report.asked:,} asked"]
    for number, what in ((report.cached, "from the store"), (report.present, "done before"), (report.errors, "failed")):
        if number:
            parts.append(f"{number:,} {what}")
    speed = (
        f", {report.reply_tokens / report.seconds:,.0f} tokens/s"
        if report.reply_tokens and report.seconds > 0.1
        else ""
    )
    into = f" -> {report.into}" if report.into else ""
    return f"{render.count(report.rows, 'row')}: {', '.join(parts)}, in {report.seconds:.1f} s{speed}{into}"


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


def _planned_lines(planned: DryRun) -> Iterator[str]:
    """The report of a dry run as lines."""
    yield f"{render.count(planned.rows, 'row')}, {render.count(planned.distinct, 'different prompt')}"
    yield f"  {planned.answered:,} answered already, {planned.distinct - planned.answered:,} to ask"
    yield f"  {planned.present:,} rows have their result already"
    yield f"  about {planned.prompt_tokens:,} tokens of prompts, at {planned.characters_per_token:.1f} characters a token"
    for note in planned.notes:
        yield f"  note: {note}"
    if planned.first_prompt is not None:
        yield "the first prompt:"
        yield planned.first_prompt

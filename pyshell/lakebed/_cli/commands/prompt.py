"""`lakebed prompt`: a model asked about each row of a query."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from lakebed._cli import render, results
from lakebed._cli.commands.context import Context, wants_color
from lakebed.errors import Interrupted, InvalidArgument, OllamaError

if TYPE_CHECKING:
    from lakebed._cli.pipes.rows import Rows
    from lakebed.prompts import Run
    from lakebed.prompts.results import DryRun, PromptReport, PromptResult


def prompt(context: Context, model: str, template: str, query: str | None, **given: Any) -> int | None:
    """Asks, stores, and writes each result; or, with `dry_run`, says what would be done."""
    from lakebed.prompts import dry_run

    dry = given.pop("dry_run")
    settings = arguments(given)
    with results.told(), context.open("r" if dry else "a") as store:
        if dry:
            planned = dry_run(store, model, template, query, **settings)
            context.report(planned, _planned_lines(planned))
            return None
        import lakebed

        run = lakebed.prompt(store, model, template, query, **settings)
        # In the shell the command line is not this command.
        again = shlex.join(["lakebed", *sys.argv[1:]]) if "prompt" in sys.argv else "the same again"
        return show(context, run, again)


def pipe(context: Context, rows: Rows, model: str, template: str, **given: Any) -> int | None:
    """The same over the rows of a pipe."""
    from lakebed.prompts import dry_run

    dry = given.pop("dry_run")
    if given["schema"] not in (None, "json"):
        context.allow_file(given["schema"])
    settings = arguments(given) | {"connection": rows.connection}
    with context.open("r" if dry else "a") as store:
        if dry:
            planned = dry_run(store, model, template, rows.sql, **settings)
            context.report(planned, _planned_lines(planned))
            return None
        import lakebed

        run = lakebed.prompt(store, model, template, rows.sql, **settings)
        return show(context, run, again="the same again")


def arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a command line as `lakebed.prompt` takes them."""
    from lakebed.prompts import model_options as options
    from lakebed.prompts.reply_format import read_schema

    settings = dict(given)
    schema = settings.pop("schema")
    settings["format"] = read_schema(schema) if schema is not None else None
    settings["options"] = options.from_words(tuple(settings.pop("option")))
    settings["wait"] = seconds(settings["wait"])
    return settings


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def seconds(text: str) -> float:
    """A duration such as 90, 90s, 30m or 2h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|)", text.strip())
    if found is None:
        message = f"{text!r} is no duration; write it like 90s, 30m or 2h."
        raise InvalidArgument(message)
    return float(found[1]) * _UNITS[found[2]]


def show(context: Context, run: Run, again: str) -> int:
    """Writes results as they come; the exit code. `again` is the command that goes on."""
    for note in run.report.notes:
        context.note(f"note: {note}")
    as_rows = context.json or not context.on_terminal
    line = _StatusLine(run) if context.progress else None
    screen = None if as_rows else _Screen(context, run, line)
    try:
        with _ctrl_c(context, run), run, line or contextlib.nullcontext():
            if line is not None:
                run.count_rows()
            for result in run:
                with line.away() if line is not None else contextlib.nullcontext():
                    if screen is None:
                        context.say(result.model_dump_json())
                        sys.stdout.flush()
                    else:
                        screen.result(result)
    except (Interrupted, OllamaError) as error:
        context.note(f"note: {_summary(run.report)}")
        context.note(f"note: to go on: {again}")
        if isinstance(error, Interrupted):
            context.note("Interrupted.")
            return 130
        raise
    report = run.report
    context.note(f"note: {_summary(report)}")
    if report.cut:
        context.note(f"note: {render.count(report.cut, 'reply', 'replies')} ended at a limit (done_reason: length)")
    if report.outcome == "too_many_errors":
        context.note(f"note: stopped after {report.errors:,} rows failed (--max-errors); to go on: {again}")
    elif report.errors:
        context.note(f"note: rows that failed are asked again by the same command: {again}")
    return 1 if report.errors else 0


def _summary(report: PromptReport) -> str:
    told = [f"{report.asked:,} asked"]
    for number, what in ((report.cached, "from the store"), (report.present, "done before"), (report.errors, "failed")):
        if number:
            told.append(f"{number:,} {what}")
    speed = (
        f", {report.reply_tokens / report.seconds:,.0f} tokens/s"
        if report.reply_tokens and report.seconds > 0.1
        else ""
    )
    into = f" -> {report.into}" if report.into else ""
    return f"{render.count(report.rows, 'row')}: {', '.join(told)}, in {report.seconds:.1f} s{speed}{into}"


@contextlib.contextmanager
def _ctrl_c(context: Context, run: Run) -> Iterator[None]:
    """Ctrl-C once finishes what is under way, twice stops it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    times = 0

    def pressed(_number: int, _frame: object) -> None:
        nonlocal times
        times += 1
        if times == 1:
            run.finish()
            context.note("\nFinishing what is under way; Ctrl-C again stops it.")
        else:
            run.abort()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Screen:
    """Results for a person: a single reply as it is written, several when they are finished."""

    def __init__(self, context: Context, run: Run, line: _StatusLine | None) -> None:
        self._context = context
        self._streamed = False
        self._line = line
        if run.is_single:
            run.listen(self._piece)

    def _piece(self, _job: object, chunk: Any) -> None:
        if chunk is None:
            if self._streamed:
                sys.stdout.write("\n[again]\n")
            return
        if chunk.content:
            with self._line.away(back=False) if self._line is not None else contextlib.nullcontext():
                self._streamed = True
                sys.stdout.write(plain(chunk.content))
                sys.stdout.flush()

    def result(self, result: PromptResult) -> None:
        style = self._context.style
        if self._streamed and result.error is None:
            sys.stdout.write("\n")
        else:
            text = result.error.message if result.error is not None else plain(result.text or "")
            self._context.say(f"{style.dim(f'── row {result.n:,}')}\n{text}")
        sys.stdout.flush()


class _StatusLine:
    """One line at the bottom of the terminal, on standard error, that makes room for results."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._shown = self._quiet = False
        self._dim = wants_color("auto", sys.stderr)
        self._thread = threading.Thread(target=self._draw, name="lakebed-status", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._stop.set()
        self._thread.join()
        self._clear()

    @contextlib.contextmanager
    def away(self, *, back: bool = True) -> Iterator[None]:
        """Takes the line off the screen; for good when it is not to come `back`."""
        with self._lock:
            self._clear()
            self._quiet = self._quiet or not back
            yield

    def _clear(self) -> None:
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[2K")
                sys.stderr.flush()
                self._shown = False

    def _draw(self) -> None:
        import shutil

        while not self._stop.wait(0.2):
            with self._lock:
                if self._quiet:
                    continue
                text = self._text()[: shutil.get_terminal_size((80, 24)).columns - 1]
                sys.stderr.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m" if self._dim else f"\r\x1b[2K{text}")
                sys.stderr.flush()
                self._shown = True

    def _text(self) -> str:
        status = self._run.status
        if status.waiting_for:
            return status.waiting_for
        rows = f"{status.rows:,}" + (f"/{status.total:,}" if status.total is not None else "") + " rows"
        told = [rows, f"{status.in_flight} under way", f"{status.tokens_per_second:,.0f} tokens/s"]
        if status.errors:
            told.append(f"{status.errors:,} failed")
        if status.seconds_left is not None:
            left = round(status.seconds_left)
            told.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        return " · ".join(told)


def plain(text: str) -> str:
    """What somebody else wrote, with line breaks and tabs, and without what could move the cursor."""
    return "".join(one if one in "\n\t" else render.escaped(one) for one in re.split(r"([\n\t])", text))


def _planned_lines(planned: DryRun) -> Iterator[str]:
    yield f"{render.count(planned.rows, 'row')}, {render.count(planned.distinct, 'different prompt')}"
    yield f"  {planned.answered:,} answered already, {planned.distinct - planned.answered:,} to ask"
    yield f"  {planned.present:,} rows have their result already"
    yield f"  about {planned.prompt_tokens:,} tokens of prompts, at {planned.characters_per_token:.1f} characters a token"
    for note in planned.notes:
        yield f"  note: {note}"
    if planned.first_prompt is not None:
        yield "the first prompt:"
        yield plain(planned.first_prompt)

"""How a prompt run is shown on a terminal: replies on standard output, and a status line on standard error."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from lakebed._cli import render
from lakebed._cli.messages.terminal import wants_color
from lakebed.prompts.reply_text import ThoughtFilter

if TYPE_CHECKING:
    from lakebed._cli.environment.context import Context
    from lakebed.prompts import Run
    from lakebed.prompts.results import PromptResult


class ReplyDisplay:
    """Replies on a terminal: a single one as it arrives, several when each is complete."""

    def __init__(self, context: Context, run: Run, line: StatusLine | None, *, raw: bool) -> None:
        self._context = context
        self._raw = raw
        self._thoughts = ThoughtFilter()
        self._streamed = False
        self._line = line
        if run.is_single:
            run.listen(self._show_chunk)

    def _show_chunk(self, _job: object, chunk: Any) -> None:
        if chunk is None:
            if self._streamed:
                sys.stdout.write("\n[again]\n")
            self._thoughts = ThoughtFilter()
            return
        text = chunk.content if self._raw else self._thoughts.feed(chunk.content)
        if chunk.done and not self._raw:
            text += self._thoughts.end()
        if text:
            with self._line.hidden(for_good=True) if self._line is not None else contextlib.nullcontext():
                self._streamed = True
                sys.stdout.write(render.printable(text))
                sys.stdout.flush()

    def show(self, result: PromptResult) -> None:
        """Writes the reply to a row, or its error."""
        style = self._context.style
        if self._streamed and result.error is None:
            sys.stdout.write("\n")
        else:
            text = result.error.message if result.error is not None else result.text or ""
            sys.stdout.write(f"{style.dim(f'── row {result.n:,}')}\n{render.printable(text)}\n")
        sys.stdout.flush()


class StatusLine:
    """One line at the bottom of the terminal with the state of the run, drawn by a thread of its own while it is
    entered."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._shown = self._is_off = False
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
    def hidden(self, *, for_good: bool = False) -> Iterator[None]:
        """Removes the line while this is entered, or `for_good`, so that something else can be written."""
        with self._lock:
            self._clear()
            self._is_off = self._is_off or for_good
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
                if self._is_off:
                    continue
                text = render.cut(render.escaped(self._text()), shutil.get_terminal_size((80, 24)).columns - 1)
                sys.stderr.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m" if self._dim else f"\r\x1b[2K{text}")
                sys.stderr.flush()
                self._shown = True

    def _text(self) -> str:
        status = self._run.status
        if status.waiting_for:
            return status.waiting_for
        rows = f"{status.rows:,}" + (f"/{status.total:,}" if status.total is not None else "") + " rows"
        parts = [rows, f"{status.in_flight} in flight", f"{status.tokens_per_second:,.0f} tokens/s"]
        if status.errors:
            parts.append(f"{status.errors:,} failed")
        if status.seconds_left is not None:
            left = round(status.seconds_left)
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        return " · ".join(parts)

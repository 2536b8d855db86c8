"""What a verb works with: the settings, the store, and the output.

Data goes to standard output, everything else to standard error. A report of a verb is data: sentences on a terminal,
one JSON object a line in a pipe and with `--json`.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from lakebed._cli.environment.backend_notice import missing_rust
from lakebed._cli.messages.file_errors import unwritable
from lakebed._cli.messages.terminal import TerminalWriter, shown, wants_color
from lakebed._encodings import compressed
from lakebed._file_formats import BINARY, compression_of, file_format
from lakebed._files import written_whole
from lakebed.errors import InvalidArgument, StoreIOError, StoreNotFound, error

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    import lakebed
    from lakebed._cli.environment.config import Loaded, Settings
    from lakebed._cli.render import Column, Style
    from lakebed._cli.results.output import TextLayout


class Report(Protocol):
    """A pydantic model."""

    def model_dump_json(self) -> str:
        """The model as JSON."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The model as a dictionary."""
        ...


class Context:
    """The settings of one command, its store and its output."""

    def __init__(self, flags: Mapping[str, object], *, json: bool = False, safe: bool = False) -> None:
        self._flags = flags
        self.json = json
        """Whether reports are JSON, also on a terminal (`--json`)."""
        self.safe = safe
        """Whether programs, and files other than the store's, are forbidden (`--safe`)."""
        self.in_transaction: Callable[[], bool] = lambda: False
        """Whether a transaction of SQL is open."""

    @cached_property
    def loaded(self) -> Loaded:
        """The settings and where each comes from."""
        from lakebed._cli.environment import config

        loaded = config.load(self._flags)
        for note in loaded.notes:
            self.note(note)
        return loaded

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.loaded.settings

    # --- The
    # store ------------------------------------------------------------------------------------------------------

    def open(self, mode: Literal["r", "a"] = "r", *, create: bool = False) -> lakebed.Store:
        """The store, opened; with `create` it is made when it does not exist."""
        import lakebed

        settings = self.settings
        if create:
            _check_parent_directory(settings.store)
        with self.naming_the_store():
            return lakebed.open(
                settings.store,
                mode,
                create=create,
                lock_timeout=settings.lock_timeout,
                cache_bytes=settings.cache_bytes,
            )

    @contextmanager
    def naming_the_store(self) -> Iterator[None]:
        """Turns `StoreNotFound` into one that says which path was tried, and how to name another."""
        try:
            yield
        except StoreNotFound as error:
            if Path(self.settings.store).is_symlink():
                raise
            path = Path(self.settings.store).absolute()
            message = (
                f"There is no store at {path}: name one with --store or $LAKEBED_STORE, or make one with "
                "`lakebed ingest FILE`."
            )
            raise StoreNotFound(message) from error

    def allow_change(self, verb: str) -> None:
        """Raises `InvalidArgument` while a transaction is open: its ROLLBACK would not undo what `verb` writes to the
        store."""
        if self.in_transaction():
            message = (
                f"{verb} writes to the store, which a ROLLBACK would not undo, and a transaction is open: COMMIT or ROLLBACK "
                "it first."
            )
            raise InvalidArgument(message)

    def allow_file(self, name: str) -> None:
        """Raises `InvalidArgument` under `--safe`, for a file that a verb is about to read or write."""
        if self.safe and name != "-":
            message = f"{name} is a file outside the store, and --safe forbids those."
            raise InvalidArgument(message)

    # ---
    # Output ---------------------------------------------------------------------------------------------------------

    @property
    def on_terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return sys.stdout.isatty()

    @property
    def progress(self) -> bool:
        """Whether to draw a progress bar."""
        return sys.stderr.isatty()

    @cached_property
    def style(self) -> Style:
        """The style of text on standard output."""
        from lakebed._cli.render import Style

        return Style(color=wants_color(self.settings.color, sys.stdout))

    @property
    def width(self) -> int:
        """The width of the terminal in columns."""
        import shutil

        return shutil.get_terminal_size((120, 40)).columns

    @property
    def screen(self) -> tuple[int, int]:
        """The width and the height of the terminal, in columns and lines."""
        import shutil

        return shutil.get_terminal_size((80, 24))

    def text_layout(self, rows: int | None = None, *, to_file: bool = False) -> TextLayout:
        """How text is laid out on standard output, or in a file. `rows`: the rows of a table, None for the setting, 0
        for all."""
        from lakebed._cli.render import PLAIN
        from lakebed._cli.results.output import TextLayout

        return TextLayout(
            rows=self.settings.rows if rows is None else rows,
            width=self.width if self.on_terminal and not to_file else None,
            null=self.settings.null,
            style=PLAIN if to_file else self.style,
            raw=to_file or not self.on_terminal,
        )

    time_zone = "UTC"
    """The zone that times are shown in."""

    def time_text(self, time: datetime) -> str:
        """A time to the second, in DuckDB's notation: `2026-11-29 16:30:00+01`."""
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            zone: tzinfo = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = UTC
        shown = time.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z")
        return shown.removesuffix("00") if shown.endswith("00") else f"{shown[:-2]}:{shown[-2:]}"

    def note(self, text: str) -> None:
        """Writes a remark to standard error."""
        sys.stdout.flush()
        sys.stderr.write(shown(text, sys.stderr) + "\n")

    def note_backend(self) -> None:
        """Tells a person once that the engine in Rust is not there, and how to get it; nobody who chose Python."""
        if sys.stderr.isatty() and (text := missing_rust()) is not None:
            self.note(f"note: {text}")

    def confirm(self, question: str) -> bool:
        """Asks a question on standard error; whether the answer is yes."""
        sys.stderr.write(f"{shown(question, sys.stderr)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @property
    def can_ask(self) -> bool:
        """Whether a person can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def report(self, report: Report, lines: Iterable[str]) -> None:
        """Writes what a verb did or found: the lines on a terminal, else the model as JSON."""
        if self.json or not self.on_terminal:
            self.say(report.model_dump_json(), json=True)
        else:
            self.say("\n".join(lines))

    def say(self, text: str, *, json: bool = False, styled: bool = False) -> None:
        """Writes a line of data, which is JSON or not, to standard output. Control characters never reach a
        terminal, except the colors of a line that is `styled`, whose data is escaped already."""
        sys.stdout.write((text if styled else shown(text, sys.stdout, json=json)) + "\n")

    def listing(
        self,
        reports: Sequence[Report],
        columns: Sequence[Column],
        rows: Sequence[Sequence[object]],
        requested: str | None,
        limit: int | None = None,
    ) -> None:
        """Writes several reports: as a table of `columns` and `rows` (one for each report), or each as a JSON object.

        `requested` is the value of `--format`, `limit` that of `--rows`.
        """
        from lakebed._cli.results.output import write_text
        from lakebed._cli.results.totals import Rest

        form = self.format(requested)
        if form == "ndjson" or form in BINARY:
            for report in reports:
                self.say(report.model_dump_json(), json=True)
        elif form == "json":
            self.say("[" + ",\n ".join(report.model_dump_json() for report in reports) + "]", json=True)
        else:
            texts = [[None if value is None else str(value) for value in row] for row in rows]
            write_text(
                self.text_layout(limit), form, columns, iter(texts), sys.stdout, lambda _last: Rest(len(texts), [])
            )

    def format(self, requested: str | None, output: str | None = None) -> str:
        """The format of a result: the one requested, else that of the `output` file, else the setting.

        Raises `InvalidArgument` when the file's ending says no format that is known.
        """
        by_name = file_format(output, requested).name if output else ""
        if requested:
            return requested
        if self.json:
            return "ndjson"
        if by_name:
            return by_name
        if self.settings.format != "auto":
            return self.settings.format
        return "table" if self.on_terminal and not output else "ndjson"

    @contextmanager
    def text_output(self, path: str | None, *, json: bool = False) -> Iterator[IO[bytes] | TerminalWriter]:
        """As `output`, for bytes that are text, or `json`: a terminal shows control characters as escapes."""
        if self.on_terminal and path in (None, "-"):
            yield TerminalWriter(sys.stdout, json=json)
            sys.stdout.flush()
            return
        with self.output(path) as stream:
            yield stream

    @contextmanager
    def output(self, path: str | None, *, compress: bool = False) -> Iterator[IO[bytes]]:
        """A binary stream to write to: standard output (None or `-`), or a file, which appears under its name only when
        it is complete. With `compress` it is compressed where its name ends in `.gz` or `.zst`.

        Raises `StoreIOError` when the file cannot be written.
        """
        if path is None or path == "-":
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        try:
            compression = compression_of(path) if compress else ""
            with written_whole(Path(path)) as place, place.open("wb") as file, compressed(file, compression) as stream:
                yield stream
        except OSError as problem:
            if isinstance(problem, BrokenPipeError | StoreIOError):
                raise
            raise unwritable(path, problem) from problem


def _check_parent_directory(store: str) -> None:
    """Refuses to make a store in a directory that does not exist, which is probably a typing error."""
    parent = Path(store).absolute().parent
    if not parent.exists():
        message = f"There is no directory {parent} to make the store {Path(store).name} in: check the path, or make the directory first."
        raise error("io", message, errno.ENOENT)

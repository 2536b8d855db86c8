"""The surroundings of one command."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from lakebed.errors import InvalidArgument, StoreIOError, StoreNotFound, error

if TYPE_CHECKING:
    import lakebed
    from lakebed._cli.config import Loaded, Settings
    from lakebed._cli.render import Column, Style


class Report(Protocol):
    """A pydantic model."""

    def model_dump_json(self) -> str: ...
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


class Context:
    """One command's settings, its store, and the ways it says something."""

    def __init__(self, flags: Mapping[str, object], *, json: bool = False, safe: bool = False) -> None:
        self._flags = flags
        self.json = json
        self.safe = safe
        """Whether programs, and files other than the store's, are forbidden (`--safe`)."""

    @cached_property
    def loaded(self) -> Loaded:
        """The settings and where they came from."""
        from lakebed._cli import config

        return config.load(self._flags)

    @property
    def settings(self) -> Settings:
        """The settings as they apply."""
        return self.loaded.settings

    # --- The store ------------------------------------------------------------------------------------------------------

    def open(self, mode: Literal["r", "a"] = "r", *, create: bool = False) -> lakebed.Store:
        """The store, which only `ingest` and `put` make."""
        import lakebed

        settings = self.settings
        if create:
            _check_place(settings.store)
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
        """Says where a store was looked for, and how to name another one."""
        try:
            yield
        except StoreNotFound as error:
            path = Path(self.settings.store).absolute()
            message = (
                f"There is no store at {path}: name one with --store or $LAKEBED_STORE, or make one with "
                "`lakebed ingest FILE`."
            )
            raise StoreNotFound(message) from error

    def allow_file(self, name: str) -> None:
        """Refuses, under --safe, a file that a verb would read or write."""
        if self.safe and name != "-":
            message = f"{name} is a file outside the store, and --safe forbids those."
            raise InvalidArgument(message)

    # --- Saying something -----------------------------------------------------------------------------------------------

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads standard output."""
        return sys.stdout.isatty()

    @property
    def progress(self) -> bool:
        """Whether to draw a bar."""
        return sys.stderr.isatty()

    @cached_property
    def style(self) -> Style:
        """How text on standard output looks."""
        from lakebed._cli.render import Style

        return Style(color=wants_color(self.settings.color, sys.stdout))

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        import shutil

        return shutil.get_terminal_size((120, 40)).columns

    def note(self, text: str) -> None:
        """Tells the person at the terminal, beside the data."""
        sys.stdout.flush()
        sys.stderr.write(text + "\n")

    def confirm(self, question: str) -> bool:
        """Asks, on standard error, so that the answer is no data."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def report(self, report: Report, lines: Iterable[str]) -> None:
        """What a verb did or found: the lines for people, the object for programs."""
        self.say(report.model_dump_json() if self.json or not self.on_terminal else "\n".join(lines))

    def say(self, text: str) -> None:
        """Writes data."""
        sys.stdout.write(text + "\n")

    def listing(
        self,
        reports: Sequence[Report],
        columns: Sequence[Column],
        rows: Sequence[Sequence[object]],
        requested: str | None,
        limit: int | None = None,
    ) -> None:
        """Several reports as one table, or each as one JSON object."""
        from lakebed._cli.commands.output import write_text

        form = self.format(requested)
        if form in ("ndjson", "parquet"):
            for report in reports:
                self.say(report.model_dump_json())
        elif form == "json":
            self.say("[" + ",\n ".join(report.model_dump_json() for report in reports) + "]")
        else:
            texts = [[None if value is None else str(value) for value in row] for row in rows]
            write_text(self, form, columns, iter(texts), sys.stdout, limit=limit)

    def format(self, requested: str | None, output: str | None = None) -> str:
        """The format to write a result in."""
        if requested:
            return requested
        if self.json:
            return "ndjson"
        from lakebed._cli.commands.output import FORMAT_BY_SUFFIX

        if output and (by_name := FORMAT_BY_SUFFIX.get(Path(output).suffix.lower())):
            return by_name
        if self.settings.format != "auto":
            return self.settings.format
        return "table" if self.on_terminal and not output else "ndjson"

    @contextmanager
    def output(self, path: str | None) -> Iterator[IO[bytes]]:
        """Where bytes go: standard output, or a file that appears under its name only when it is complete."""
        if path is None or path == "-":
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        target = Path(path)
        try:
            if target.exists() and not target.is_file():
                with target.open("wb") as stream:
                    yield stream
                return
            unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
            try:
                with unfinished.open("wb") as stream:
                    yield stream
                unfinished.replace(target)
            except BaseException:
                with suppress(OSError):
                    unfinished.unlink()
                raise
        except OSError as problem:
            if isinstance(problem, BrokenPipeError | StoreIOError):
                raise
            raise unwritable(path, problem) from problem


def _check_place(store: str) -> None:
    """Refuses to make a store in a directory that is not there: a path that was mistyped is not made."""
    place = Path(store).absolute().parent
    if not place.exists():
        message = f"There is no directory {place} to make the store {Path(store).name} in: check the path, or make the directory first."
        raise error("io", message, errno.ENOENT)


def unwritable(path: str, problem: OSError) -> BaseException:
    """The error for a file that cannot be written."""
    return error("io", f"{path} cannot be written: {problem.strerror or problem}.", problem.errno)


def read_statements(path: Path, named: str) -> str:
    """The text of a file of SQL, which errors call `named`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise unreadable(named, problem) from problem
    except UnicodeDecodeError as problem:
        message = f"{named} is not UTF-8 text: {problem.reason} at byte {problem.start}."
        raise InvalidArgument(message) from problem


def given_statements(text: str | None, file: str | None) -> str | None:
    """The statements that were given: as text, in a file, or on standard input where that is no terminal or `file` is `-`."""
    if text is not None:
        return _utf8(text, "The statements are")
    if file is not None and file != "-":
        return read_statements(Path(file), file)
    if file is not None or not sys.stdin.isatty():
        return _utf8(sys.stdin.read(), "Standard input is")
    return None


def _utf8(text: str, named: str) -> str:
    """The text, unless it came with bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        message = f"{named} not UTF-8 text: character {problem.start + 1:,} is the byte 0x{ord(text[problem.start]) & 0xFF:02x}."
        raise InvalidArgument(message) from problem
    return text


def unreadable(path: str, problem: OSError) -> BaseException:
    """The error for a file that cannot be read."""
    return error("io", f"{path} cannot be read: {problem.strerror or problem}.", problem.errno)


def wants_color(setting: str, stream: IO[str]) -> bool:
    """Whether to color what goes to this stream."""
    if setting != "auto":
        return setting == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"

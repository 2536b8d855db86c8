"""An ingest: chunk by chunk into groups, group by group into commits.

A commit carries the rows, their description, and how far the input was read, so that the next ingest goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from lakebed.errors import InvalidArgument, LakebedError, SourceChanged
from lakebed.pure.catalogue import Collection
from lakebed.pure.format.records import Described, Ingested
from lakebed.pure.hash import digest
from lakebed.pure.ingest import messages, quarantine
from lakebed.pure.ingest.chunks import Chunk, Content, Position
from lakebed.pure.ingest.inputs import Input
from lakebed.pure.ingest.lines import Parsed, Rules, parsed
from lakebed.pure.ingest.report import Report
from lakebed.pure.ingest.samples import samples_of_chunks, samples_of_file
from lakebed.pure.ingest.starting_point import Begun
from lakebed.pure.ingest.ticker import Stop, Ticker
from lakebed.pure.json import Observer
from lakebed.pure.training import DEFAULT_SIZE, INGEST_WINDOWS, Request, Samples, Trained, train
from lakebed.pure.write.dictionaries import install_dictionary
from lakebed.pure.write.writer import Writer

__all__ = ["Ingest", "Settings", "dry_run"]

_COMMIT_BYTES = 64 << 20
_COMMIT_ROWS = 1 << 20
_LOOK_AHEAD = 64 << 20
"""Bytes of memory for chunks that wait for a dictionary."""
_LEAST_TRAINED = 96 << 10
"""An input of fewer bytes gets no dictionary: it would save less than it costs."""
_COMMIT_SECONDS = 0.4
"""The longest time for which lines of a stream wait for their commit, as far as this side goes."""


class Settings(NamedTuple):
    """How an ingest goes."""

    into: str
    on_error: str
    nan: str | None
    follow: bool
    train: bool


@dataclass
class _Group:
    """What is pending."""

    collection: Collection
    file: int
    observer: Observer
    began: float = field(default_factory=time.monotonic)
    bytes: int = 0
    rows: int = 0
    quarantine: Collection | None = None
    quarantine_observer: Observer | None = None


class Ingest:
    """One input on its way into a collection."""

    def __init__(
        self,
        writer: Writer,
        input: Input,
        begun: Begun,
        settings: Settings,
        ticker: Ticker,
        report: Report,
        segment_bytes: Callable[[], int],
    ) -> None:
        """`segment_bytes` gives the bytes of all segments."""
        self._writer = writer
        self._segment_bytes = segment_bytes
        self._input = input
        self._content = begun.content
        self._original_digest = begun.original_digest
        self._settings = settings
        self._ticker = ticker
        self._report = report
        self._is_stream = input.is_stream or settings.follow
        self._group: _Group | None = None
        self._held: list[Parsed] = []
        """Chunks that wait for a dictionary."""
        self._held_since = 0.0
        after = begun.after
        self._position = Position(0) if after is None else Position(*after.prefix)
        self._lines_before = self._lines = self._committed_lines = 0 if after is None else after.entry.lines
        self._content_before = self._position.content
        if after is not None:
            report.resumed_after_line, report.resumed_from = after.entry.lines, after.name
        self._stored_before = segment_bytes()
        catalogue = writer.state.catalogue
        known = catalogue.named(settings.into)
        self._gathers = settings.train and (known is None or catalogue.dictionary_of(known.id) is None)
        self._rules = Rules(settings.on_error, settings.nan, self._content.is_plain_file)

    # --- From the first chunk to the report ---

    def run(self) -> bool:
        """Reads the input to its end, and fills the report. Returns whether a followed file was left because the caller
        asked to stop. Raises `BadRecord`, `SourceChanged`, `Interrupted` and the errors of reading and writing."""
        try:
            self._content.follow()
            if not self._is_stream:
                self._begin()
                self._sample_file()
            self._write_everything()
            size = self._input.size if self._original_digest is not None else None
            whole = self._original_digest or self._content.raw_digest()
            self._commit((self._content.raw_bytes if size is None else size, whole))
        except Stop as stop:
            return self._stopped(stop)
        except KeyboardInterrupt:
            # Of a program with a handler of its own: it may have come at any place, so the group does not count.
            self._writer.end()
            raise messages.interrupted(self._report.file, self._kept()) from None
        except BaseException:
            self._writer.end()
            raise
        self._reported()
        return False

    def _stopped(self, stop: Stop) -> bool:
        """Keeps what was read. Raises the caller's exception, or `Interrupted`; not for a followed file."""
        follows = self._settings.follow
        try:
            if follows:
                held, self._held = self._held, []
                self._gathers = False
                for one in held:
                    self._write(one)
            if self._group is not None and self._group.bytes:
                self._commit(None)
            else:
                self._writer.end()
        except BaseException:
            self._writer.end()
            raise
        if follows:
            self._reported()
            return True
        if stop.__cause__ is not None:
            raise stop.__cause__
        raise messages.interrupted(self._report.file, self._kept()) from None

    def _reported(self) -> None:
        report = self._report
        report.lines = self._lines - self._lines_before
        report.bytes_in = self._position.content - self._content_before
        report.bytes_stored = max(0, self._segment_bytes() - self._stored_before)
        report.minified = self._content.minified
        report.seconds = self._ticker.seconds

    def _write_everything(self) -> None:
        while True:
            chunk = self._next_chunk()
            if chunk is None:
                break
            if isinstance(chunk, Chunk):
                one = parsed(chunk, self._rules)
                self._check(one)
                if self._gathers:
                    self._hold(one)
                else:
                    self._write(one)
                    self._tick()
            else:
                self._tick()
            self._commit_if_due()
        if self._is_stream:
            # Ctrl-C also ends the program at the other end of a pipe, so this end may not be the real one: ask again.
            self._ticker.call()
        self._end_training()

    def _next_chunk(self) -> Chunk | bool | None:
        try:
            found: Chunk | bool | None = self._ticker.reading(self._content.next)
        except SourceChanged:
            raise
        except LakebedError as problem:
            # The lines before the failure are good, but their group is not complete, and is discarded.
            problem.message = f"{problem.message.rstrip('.')}; {self._kept()}."
            raise
        return found

    def _tick(self) -> None:
        self._ticker.rows = self._report.rows
        self._ticker.tick(self._position.raw)

    def _kept(self) -> str:
        return messages.kept(self._committed_lines, is_stream=self._is_stream)

    # --- Lines ---

    def _check(self, one: Parsed) -> None:
        """Raises `BadRecord` for a bad line that ends the ingest."""
        if one.bad and self._settings.on_error == "abort":
            bad = one.bad[0]
            before = self._lines + sum(held.line_count for held in self._held)
            raise messages.bad_line(
                self._report.file, before + bad.number + 1, bad.column, bad.reason, bad.text, self._kept()
            )

    def _begin(self) -> _Group:
        """The pending group."""
        if self._group is None:
            self._writer.begin()
            collection = self._writer.collection(self._report.collection)
            file = self._writer.file_number(self._report.file)
            self._group = _Group(collection, file, Observer(collection.descriptions))
        return self._group

    def _write(self, one: Parsed) -> None:
        """Writes a chunk. Commits first if the group is full."""
        if one.unfinished is not None:
            self._report.unfinished_bytes = one.unfinished
            return
        group = self._begin()
        size, rows = one.chunk.end.content - one.chunk.offset, len(one.records)
        if group.bytes and (group.bytes + size > _COMMIT_BYTES or group.rows + rows > _COMMIT_ROWS):
            self._commit(None)
            group = self._begin()
        if not group.bytes:
            group.began = time.monotonic()
        group.bytes += size
        group.rows += rows
        before = self._lines
        self._lines += one.line_count
        self._position = one.chunk.end
        for value in one.checked():
            group.observer.add(value)
        if one.records:
            lines = [before + number + 1 for number in one.numbers]
            added = self._writer.add_rows(group.collection, one.records, file=group.file, lines=lines)
            self._report.rows += added.rows
            self._report.new_blobs += added.new_blobs
            self._report.duplicates += added.duplicates
            self._report.replaced += one.replaced
        if one.bad_count:
            self._report.bad_lines += one.bad_count
            self._report.list_bad(one.bad, before)
            if self._settings.on_error == "quarantine":
                self._write_quarantine(group, one, before)

    def _write_quarantine(self, group: _Group, one: Parsed, before: int) -> None:
        name = quarantine.name_for(self._report.collection)
        if group.quarantine is None or group.quarantine_observer is None:
            group.quarantine = self._writer.collection(name)
            group.quarantine_observer = Observer(group.quarantine.descriptions)
        self._report.quarantine = name
        rows, lines = [], []
        for bad in one.bad:
            number = before + bad.number + 1
            row, needs_blob = quarantine.row(bad, self._report.file, number)
            group.quarantine_observer.observe(row)
            rows.append(row)
            lines.append(number)
            if needs_blob:
                self._writer.put(bad.text)
        self._writer.add_rows(group.quarantine, rows, file=group.file, lines=lines)

    # --- Commits ---

    def _commit(self, whole: tuple[int, bytes] | None) -> None:
        """Commits the group, with the description of its rows and the position in the input. `whole` are the size and
        the hash of the input, if this is its end."""
        group = self._begin()
        self._group = None
        described = [(group.collection, group.observer), (group.quarantine, group.quarantine_observer)]
        for collection, observer in described:
            description = observer.description() if observer is not None else b""
            if collection is not None and description:
                self._writer.record(Described(collection.id, description))
        size, raw_digest = whole or (self._input.size or 0, None)
        self._writer.record(
            Ingested(
                group.collection.id,
                group.file,
                whole is not None,
                size,
                raw_digest,
                self._position.content,
                self._lines,
                self._position.digest,
            )
        )
        self._report.commit = self._writer.commit()
        self._committed_lines = self._lines

    def _commit_if_due(self) -> None:
        """Commits what a stream gave, if that is long enough ago."""
        if not self._is_stream:
            return
        now = time.monotonic()
        if self._held and now - self._held_since >= _COMMIT_SECONDS:
            self._flush_held()
        if self._group is not None and self._group.bytes and now - self._group.began >= _COMMIT_SECONDS:
            self._commit(None)

    # --- The first dictionary ---

    def _sample_file(self) -> None:
        """Trains on samples of a plain file, where it is."""
        if not self._gathers or not self._content.is_plain_file or self._input.path is None:
            return
        size = self._input.size or 0
        start = self._position.content
        if size - start >= _LEAST_TRAINED:
            samples = samples_of_file(self._input.path, start, size, self._writer.context.options.page_bytes)
            self._install(self._train(samples, size - start))
        self._gathers = False

    def _train(self, samples: Samples, expected_bytes: int) -> Trained | None:
        options = self._writer.context.options
        return train(samples, Request(DEFAULT_SIZE, INGEST_WINDOWS, options.level, options.page_bytes, expected_bytes))

    def _hold(self, one: Parsed) -> None:
        """Holds a chunk until there is a dictionary, or it is known that there will be none."""
        if not self._held:
            self._held_since = time.monotonic()
        one.forget_values()
        self._held.append(one)
        self._ticker.tick(one.chunk.end.raw)
        if sum(held.memory for held in self._held) >= _LOOK_AHEAD:
            self._end_training()

    def _end_training(self) -> None:
        """Trains on the held chunks, if nothing was trained yet, and writes them."""
        held = self._held
        if self._gathers and held:
            expected = self._expected_bytes()
            if expected >= _LEAST_TRAINED:
                samples = samples_of_chunks(held, expected, self._writer.context.options.page_bytes)
                self._install(self._train(samples, expected))
        self._gathers, self._held = False, []
        for one in held:
            self._write(one)
            self._tick()

    def _flush_held(self) -> None:
        """Writes the chunks that a stream gave. They are enough for samples, or wait no longer."""
        if self._held[-1].chunk.end.content - self._held[0].chunk.offset >= _LEAST_TRAINED:
            self._end_training()
            return
        held, self._held = self._held, []
        for one in held:
            self._write(one)

    def _expected_bytes(self) -> int:
        """The expected bytes of the whole content: the bytes held, scaled by the share of the input that was read for
        them."""
        last = self._held[-1].chunk.end
        held = last.content - self._position.content
        if self._input.size is not None and last.raw > 0:
            return max(held, held * self._input.size // last.raw)
        return held

    def _install(self, trained: Trained | None) -> None:
        """Installs a dictionary if it pays."""
        if trained is None or not trained.pays:
            return
        group = self._begin()
        number, generation = install_dictionary(self._writer, group.collection, trained.dictionary)
        self._report.trained = {
            "collection": self._report.collection,
            "installed": True,
            "number": number,
            "generation": generation,
            "hash": digest(trained.dictionary),
            "size": len(trained.dictionary),
            "sample_bytes": trained.sample_bytes,
            "held_out_before": trained.held_out_before,
            "held_out_after": trained.held_out_after,
            "seconds": trained.seconds,
        }


def dry_run(begun: Begun, settings: Settings, ticker: Ticker, report: Report) -> None:
    """Reads and checks everything, and fills the report with what an ingest would do. Whether blobs are new is not
    looked up."""
    if settings.follow:
        raise InvalidArgument("What will be appended to a file is not known: leave out either `follow` or `dry_run`.")
    content: Content = begun.content
    before = 0
    if begun.after is not None:
        before = begun.after.entry.lines
        report.resumed_after_line, report.resumed_from = before, begun.after.name
    first = content.offset
    rules = Rules(settings.on_error, settings.nan, content.is_plain_file)
    try:
        while (chunk := ticker.reading(content.next)) is not None:
            ticker.tick()
            if not chunk:
                continue
            one = parsed(chunk, rules)
            lines = before + report.lines
            if one.bad and settings.on_error == "abort":
                bad = one.bad[0]
                nothing = "nothing was written, and nothing of it would be kept"
                raise messages.bad_line(report.file, lines + bad.number + 1, bad.column, bad.reason, bad.text, nothing)
            if one.unfinished is not None:
                report.unfinished_bytes = one.unfinished
                continue
            report.list_bad(one.bad, lines)
            report.rows += len(one.records)
            report.lines += one.line_count
            report.bad_lines += one.bad_count
            report.replaced += one.replaced
            report.bytes_in = chunk.end.content - first
            ticker.rows = report.rows
            ticker.tick(chunk.end.raw)
    except Stop as stop:
        if stop.__cause__ is not None:
            raise stop.__cause__ from None
        raise messages.interrupted(report.file, "nothing was written") from None
    report.minified = content.minified
    report.seconds = ticker.seconds

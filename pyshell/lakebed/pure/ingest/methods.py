"""What an open store offers besides: ingest, training, declared types, types inferred anew."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lakebed._progress import EngineProgress
from lakebed.errors import InvalidArgument
from lakebed.pure.ingest.inputs import Input, opened
from lakebed.pure.ingest.report import Report
from lakebed.pure.ingest.run import Ingest, Settings, dry_run
from lakebed.pure.ingest.starting_point import Recorded, Skipped, find
from lakebed.pure.ingest.ticker import Stop, Ticker
from lakebed.pure.json.quoting import quoted
from lakebed.pure.reading import Reads
from lakebed.pure.view import View
from lakebed.pure.write.writer import Writer

__all__ = ["Ingests"]


_ON_ERROR = ("abort", "skip", "quarantine")
_NAN = (None, "null", "string")
_INTERVAL = 0.1
"""Seconds between two looks for a file that was renamed."""


class Ingests(Reads):
    """The method `ingest` of the protocol `StoreEngine`; `lakebed.Store` documents it."""

    def _changing(self) -> AbstractContextManager[Writer]:
        """The writer, for one change."""
        raise NotImplementedError

    def ingest(
        self,
        source: Any,
        /,
        *,
        into: str,
        name: str,
        original: str | None,
        on_error: str,
        nan: str | None,
        again: bool,
        resume: bool,
        follow: bool,
        dry_run: bool,
        train: bool,
        becomes_columns: bool,
        progress: EngineProgress | None,
    ) -> dict[str, Any]:
        if on_error not in _ON_ERROR:
            raise InvalidArgument(f'on_error is "abort", "skip" or "quarantine", not {quoted(on_error)}.')
        if nan not in _NAN:
            raise InvalidArgument(f'nan is "null" or "string", not {quoted(nan)}.')
        if follow and dry_run:
            raise InvalidArgument(
                "What will be appended to a file is not known: leave out either `follow` or `dry_run`."
            )
        # Rows that become columns right after need no dictionary.
        settings = Settings(into, on_error, nan, follow, train and not becomes_columns)
        run = _Run(self, settings, again=again, resume=resume)
        with Ticker(progress) as ticker:
            if dry_run:
                return run.dry(opened(source, name, original, follow=False), self._view(), ticker).as_dict()
            with self._changing() as writer:
                writer.check_may_write()
                writer.commit()
                if follow:
                    return run.followed(source, name, writer, ticker).as_dict()
                report, _ = run.one(opened(source, name, original, follow=False), writer, ticker)
                return report.as_dict()


class _Run:
    """Ingests with the same settings, one after the other."""

    def __init__(self, reads: Reads, settings: Settings, *, again: bool, resume: bool) -> None:
        self._reads = reads
        self._settings = settings
        self._again = again
        self._resume = resume

    def _segment_bytes(self) -> int:
        return sum(one["file_bytes"] for one in self._reads.segments())

    def dry(self, input: Input, view: View, ticker: Ticker) -> Report:
        """What an ingest would do."""
        report = Report(self._settings.into, input.name, dry_run=True)
        ticker.total = input.size
        try:
            begun = find(
                input,
                _recorded(view, self._settings.into),
                again=self._again,
                resume=self._resume,
                tick=ticker.tick,
                reading=ticker.reading,
            )
        except Stop as stop:
            raise _cause(stop, input) from None
        if isinstance(begun, Skipped):
            report.skipped, report.same_as = True, begun.name
            report.seconds = ticker.seconds
            return report
        try:
            dry_run(begun, self._settings, ticker, report)
        finally:
            begun.content.close()
        return report

    def one(self, input: Input, writer: Writer, ticker: Ticker) -> tuple[Report, bool]:
        """Ingests one input. Also says whether a followed file was left because the caller asked to stop."""
        report = Report(self._settings.into, input.name)
        ticker.total = None if self._settings.follow else input.size
        records = _recorded(View(writer.state), self._settings.into)
        try:
            begun = find(
                input,
                records,
                again=self._again,
                resume=self._resume,
                tick=ticker.tick,
                reading=ticker.reading,
            )
        except Stop as stop:
            if self._settings.follow:
                # Asked to stop while the part that was ingested before was read: that is all there is to follow.
                return report, True
            raise _cause(stop, input) from None
        if isinstance(begun, Skipped):
            report.skipped, report.same_as = True, begun.name
            report.seconds = ticker.seconds
            return report, False
        try:
            ingest = Ingest(writer, input, begun, self._settings, ticker, report, self._segment_bytes)
            return report, ingest.run()
        finally:
            begun.content.close()

    def followed(self, source: Any, name: str, writer: Writer, ticker: Ticker) -> Report:
        """Ingests the files that have the name of a followed one, until the caller asks to stop."""
        total: Report | None = None
        while True:
            report, stopped = self.one(opened(source, name, None, follow=True), writer, ticker)
            if total is None:
                total = report
            else:
                total.add(report)
            if stopped:
                return total
            total.rotations += 1
            try:
                while not Path(source).exists():
                    # It was renamed, and the next one is not there yet.
                    time.sleep(_INTERVAL)
                    ticker.call()
            except Stop:
                return total


def _cause(stop: Stop, input: Input) -> BaseException:
    """The error of an ingest that was asked to stop before it read anything new."""
    from lakebed.pure.ingest.messages import interrupted, kept

    return stop.__cause__ or interrupted(input.name, kept(0, is_stream=input.is_stream))


def _recorded(view: View, name: str) -> list[Recorded]:
    """The ingests recorded for the collection of this name, in order."""
    catalogue = view.catalogue
    collection = catalogue.named(name)
    if collection is None:
        return []
    return [Recorded(catalogue.files[one.file], one) for one in catalogue.ingests if one.collection == collection.id]

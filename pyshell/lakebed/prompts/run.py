"""A run: it takes input rows, sends prompts, and stores replies and results as they arrive.

One thread, the caller's, does everything with the store; it works when the next result is requested. Other threads send
requests, one reads the query, and one watches the model. Every queue is bounded, so memory does not grow with the
number of rows. Replies that arrive during a commit, or within `_COMMIT_SECONDS` after it, are stored together in the
next one, once their version of the model is known: those a killed run loses.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from lakebed._records import to_json
from lakebed._types import Hash
from lakebed.errors import FormatRefused, InternalError, Interrupted, LakebedError, ModelMissing, OllamaError
from lakebed.prompts import storage
from lakebed.prompts.client import Chunk
from lakebed.prompts.failures import Canceled
from lakebed.prompts.input_rows import END, InputRow
from lakebed.prompts.reply_digests import ReplyDigests
from lakebed.prompts.result_index import ResultIndex
from lakebed.prompts.result_rows import SettledRow, result_of
from lakebed.prompts.results import Outcome, PromptReport, PromptResult
from lakebed.prompts.run_plan import RunPlan
from lakebed.prompts.run_record import RunRecord
from lakebed.prompts.run_status import Counts, Reasons, RunStatus
from lakebed.prompts.sender import PendingRequest, SenderThreads

__all__ = ["Run"]

_MAX_WAITING = 4096
"""Rows that wait for replies, at most."""
_MAX_TOGETHER = 256
"""Rows that wait to be stored, at most, besides those of the requests under way."""
_MOST_REPLIES = 32
"""Replies that are stored whatever the time since the last commit: so much a killed run can lose."""
_COMMIT_SECONDS = 0.03
"""The time between two commits, at least, while requests are being sent: a commit takes two kilobytes besides its rows,
and a sync of the disk."""


class _ChunkListener:
    """Passes chunks of replies to a function. The threads hold this object and not the run, which ends when it is no
    longer used."""

    function: Callable[[PendingRequest, Chunk | None], None] | None = None

    def __call__(self, pending: PendingRequest, chunk: Chunk | None) -> None:
        if self.function is not None:
            self.function(pending, chunk)


class Run(Iterator[PromptResult]):
    """A run: an iterator over the results, each as soon as it is stored. `report` says what the run did; made by
    `lakebed.prompt`.

    The iterator ends when all rows have a result, which may be an error. It raises `OllamaUnreachable`, `OllamaBusy` or
    `OllamaStalled` when the server was in trouble for longer than `wait`, and `Interrupted` after Ctrl-C; what was
    stored stays, and the same call continues from there. As a context manager the run is closed at the end.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self.id = storage.new_run_id()
        """The id of the run."""
        self.total: int | None = None
        """The number of input rows, after `count_rows`."""
        self._listener = _ChunkListener()
        self._store = plan.store
        self._events: queue.SimpleQueue[PendingRequest | None] = queue.SimpleQueue()
        self._threads = SenderThreads(plan.sender(self._listener), plan.jobs, self._events.put)
        self._breaker = plan.breaker
        self._in_flight: dict[str, PendingRequest] = {}
        self._sending = self._waiting = self._failed = 0
        self._last_commit = 0.0
        self._to_store: list[SettledRow] = []
        self._sent: list[PendingRequest] = []
        self._ready: deque[PromptResult] = deque()
        self._present: ResultIndex | None = None
        self._rows_ended = self._began = self._stopping = self._has_unsent = False
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._outcome: Outcome | None = None
        self._start = time.perf_counter()
        self._counts = Counts()
        self._reasons = Reasons()
        self._record = RunRecord(self.id)
        self._digests = ReplyDigests(plan)

    # --- For the
    # caller -------------------------------------------------------------------------------------------------

    def __next__(self) -> PromptResult:
        try:
            while not self._ready:
                if self._outcome is not None:
                    if self._failure is not None:
                        raise self._failure
                    raise StopIteration
                self._step()
        except (KeyboardInterrupt, Canceled) as error:
            if self._outcome is not None:
                raise
            self._interrupt()
            raise self._interrupted() from error
        except StopIteration:
            raise
        except BaseException as error:
            if self._outcome is None:
                self._end("failed", error)
            raise
        return self._ready.popleft()

    def finish(self) -> None:
        """Take no more rows, and finish the requests that are being sent. For signal handlers and other threads too."""
        self._stopping = True
        self._events.put(None)

    def abort(self) -> None:
        """End also the requests that are being sent. For signal handlers and other threads too."""
        self._stopping = True
        self._breaker.cancel()
        self._plan.watch.abort()
        self._plan.client.abort()
        self._events.put(None)

    def close(self) -> None:
        """End the run now; replies that have arrived are stored."""
        if self._outcome is None:
            self._interrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A run that is no longer used must not keep sending. Nothing could handle its errors.
        if "_ended" in self.__dict__ and not self._ended.is_set():
            with contextlib.suppress(Exception):
                self.close()

    def listen(self, listener: Callable[[PendingRequest, Chunk | None], None]) -> None:
        """Call `listener` with each chunk of a reply, in the thread that receives it; with None when the chunks so far
        are discarded."""
        self._listener.function = listener

    @property
    def is_single(self) -> bool:
        """Whether a single prompt is sent, without an input row."""
        return self._plan.query is None and not self._plan.rows.columns

    @property
    def is_raw(self) -> bool:
        """Whether thoughts and fences are left in the text."""
        return self._plan.raw

    def count_rows(self) -> None:
        """Count the input rows, for `status`; the query runs once for it."""
        self.total = self._plan.rows.count()

    @property
    def report(self) -> PromptReport:
        """What the run has done so far."""
        return PromptReport(
            run=self.id,
            model=self._plan.settings.model,
            digest=self._plan.settings.digest,
            into=self._plan.into,
            outcome=self._outcome or "interrupted",
            seconds=time.perf_counter() - self._start,
            notes=tuple(self._plan.notes),
            reasons=self._reasons.report(),
            **dataclasses.asdict(self._totals()),
        )

    @property
    def status(self) -> RunStatus:
        """The progress of the run; cheap, and for any thread."""
        counts, seconds = self._totals(), time.perf_counter() - self._start
        left = None
        if self.total is not None and counts.new + counts.errors:
            left = max(0, self.total - counts.settled) * seconds / (counts.new + counts.errors)
        trouble = self._breaker.trouble
        return RunStatus(
            rows=counts.settled,
            total=self.total,
            asked=counts.asked,
            new=counts.new,
            cached=counts.cached,
            present=counts.present,
            errors=counts.errors,
            in_flight=self._sending,
            reply_tokens=counts.reply_tokens,
            tokens_per_second=counts.reply_tokens / seconds if seconds > 0 else 0.0,
            seconds=seconds,
            seconds_left=left,
            waiting_for=f"{trouble} Trying again in {self._breaker.seconds_left():.0f} s." if trouble else "",
        )

    # --- Each
    # step ------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Takes rows while there is room, stores what can be stored, or waits for an event."""
        if not self._began:
            self._begin()
        self._collect()
        taken = self._counts.rows
        self._take_rows()
        unsaved = len(self._sent) + len(self._to_store)
        is_last = not self._sending and (self._rows_ended or self._stopping)
        # A failure is stored at once: further rows with the same prompt would only wait to fail with it.
        has_failure = any(one.error for one in self._sent)
        is_full = unsaved >= _MAX_TOGETHER or len(self._sent) >= _MOST_REPLIES
        early = self._last_commit + _COMMIT_SECONDS - time.monotonic()
        is_due = early <= 0 or is_full or is_last
        if not unsaved and not self._in_flight and is_last:
            self._end(self._natural_outcome(), self._failure)
        elif not unsaved:
            self._collect(timeout=self._record.seconds_left if self._sending else None)
            if self._record_costs():
                self._store.commit()
        elif has_failure or (is_due and self._digests.are_known(self._sent, waits=self._is_waiting)):
            self._save()
        elif self._counts.rows == taken:
            # Once the versions of the replies are known, there is an event too.
            self._collect(timeout=None if is_due else early)

    @property
    def _is_waiting(self) -> bool:
        """Whether requests wait for a server in trouble."""
        return self._sending > 0 and self._breaker.trouble is not None

    def _begin(self) -> None:
        self._began = True
        # Pending changes of the store's owner are committed first, as by `ingest`.
        self._store.commit()
        self._store.append(storage.RUNS, [to_json(self._plan.begin_row(self.id))])
        for name, row in self._plan.rows_to_save():
            self._store.append(name, [row])
        self._store.commit()
        events = self._events
        self._plan.watch.start(lambda: events.put(None))
        self._plan.rows.start(lambda: events.put(None))
        if not self._plan.fresh and self._plan.into is not None:
            self._present = ResultIndex(self._store, self._plan.into)

    def _take_rows(self) -> None:
        plan = self._plan
        while (
            not self._rows_ended
            and not self._stopping
            and self._sending < 2 * plan.jobs
            and self._waiting < _MAX_WAITING
            and len(self._to_store) < _MAX_TOGETHER
            and len(self._sent) < _MAX_TOGETHER
        ):
            row = plan.rows.poll()
            if row is None:
                return
            if row is END:
                self._rows_ended = True
                return
            if not isinstance(row, InputRow):
                raise InternalError(f"An input row has the type {type(row).__name__}. Please report this.")
            self._counts.rows += 1
            self._take(row)

    def _take(self, row: InputRow) -> None:
        prepared = self._plan.prepare(row)
        if self._present is not None and self._present.take(
            prepared.request, prepared.input, prepared.values, row.sources_json, row.sources
        ):
            self._counts.present += 1
            return
        settled = SettledRow(row, prepared)
        if prepared.error is not None:
            self._to_store.append(settled)
            self._notice_errors(1)
            return
        in_flight = self._in_flight.get(prepared.request)
        if in_flight is None and not self._plan.fresh:
            settled.reply = self._plan.known(prepared)
        if settled.reply is not None:
            settled.cached = True
            self._to_store.append(settled)
            return
        self._waiting += 1
        if in_flight is not None:
            settled.cached = True
            in_flight.rows.append(settled)
            return
        pending = PendingRequest(
            prepared.request,
            prepared.data,
            prepared.messages,
            prepared.images,
            [settled],
            digest=self._plan.settings.digest,
        )
        self._in_flight[prepared.request] = pending
        self._sending += 1
        self._threads.submit(pending)

    def _collect(self, timeout: float | None = 0) -> None:
        """Takes the requests that were sent. It waits up to `timeout` seconds (None: for ever) for an event: such a
        request, a new row, or a call to stop."""
        while True:
            try:
                pending = self._events.get(timeout=timeout)
            except queue.Empty:
                return
            timeout = 0
            if pending is None:
                continue
            self._sending -= 1
            lost = self._breaker.lost
            if isinstance(pending.error, Canceled) or (lost is not None and pending.error is lost):
                # Its rows have no result; the next run sends the request.
                self._remove(pending)
                self._has_unsent = True
                if lost is not None and self._failure is None:
                    self._failure = lost
                self._stopping = True
            elif isinstance(pending.error, ModelMissing | FormatRefused) or not isinstance(
                pending.error, LakebedError | None
            ):
                self._remove(pending)
                self._failure = self._failure or pending.error
                self._stopping = True
                self._breaker.cancel()
            else:
                self._sent.append(pending)
                if pending.error is not None:
                    self._notice_errors(len(pending.rows))

    def _notice_errors(self, rows: int) -> None:
        """Takes no more rows after too many errors, those that are not stored yet included."""
        self._failed += rows
        if self._failed >= self._plan.max_errors:
            self._stopping = True

    def _remove(self, pending: PendingRequest) -> None:
        self._in_flight.pop(pending.key, None)
        self._waiting -= len(pending.rows)
        self._counts.add_cost(pending.cost)

    def _save(self, *, all: bool = False) -> None:
        """Stores the rows that are settled and the replies that arrived in one commit; replies whose version is not
        known yet only with `all`."""
        sent, self._sent = self._digests.settled(self._sent, all=all)
        settled, self._to_store = self._to_store, []
        requests = {pending.hash: pending.data for pending in sent}
        requests |= {one.prepared.request: one.prepared.data for one in settled if one.prepared.error is None}
        settled = settled + self._store_replies(sent)
        for one in settled:
            for hash, image in one.prepared.images.items():
                if hash not in self._store:
                    self._store.put(image)
        unknown = [data for request, data in requests.items() if request not in self._store]
        if unknown:
            self._store.append(storage.REQUESTS, unknown)
        plan = self._plan
        results = [result_of(one, self.id, with_value=plan.format is not None, raw=plan.raw) for one in settled]
        if self._plan.into is not None and results:
            self._store.append(self._plan.into, [data for data, _ in results])
        self._record_costs()
        self._store.commit()
        self._last_commit = time.monotonic()
        for one, (_, result) in zip(settled, results, strict=True):
            if result.error is not None:
                self._counts.errors += 1
                self._reasons.add(result.error)
            elif one.cached:
                self._counts.cached += 1
            else:
                self._counts.new += 1
            self._ready.append(result)

    def _store_replies(self, sent: list[PendingRequest]) -> list[SettledRow]:
        """Stores the replies to requests, unless another process has stored one meanwhile; the rows of the requests,
        settled."""
        # Only the first change takes the write lock, so other processes may store the same replies up to then.
        while True:
            # Two requests with different digests may have become one.
            distinct: dict[str, PendingRequest] = {}
            for pending in sent:
                if pending.reply is not None:
                    distinct.setdefault(pending.hash, pending)
            new = [pending for pending in distinct.values() if not self._is_stored(pending)]
            data = [pending.reply.data() for pending in new if pending.reply is not None]
            if not data or self._plan.replies.add(data):
                break
        own = {
            pending.hash: storage.stored_reply(str(Hash.of(blob)), blob)
            for pending, blob in zip(new, data, strict=True)
        }
        settled = []
        for pending in sent:
            self._remove(pending)
            reply = own.get(pending.hash)
            if reply is not None:
                self._counts.cut += reply.done_reason == "length"
            elif pending.reply is not None:
                reply = self._plan.replies.find(pending.hash)
            for number, one in enumerate(pending.rows):
                one.reply = reply
                one.cached = number > 0 or (reply is not None and pending.hash not in own)
            settled += [one.after(pending) for one in pending.rows]
        return settled

    def _totals(self) -> Counts:
        """The counts with what the requests that are being sent have cost so far."""
        totals = dataclasses.replace(self._counts)
        for pending in list(self._in_flight.values()):
            totals.add_cost(pending.cost)
        return totals

    def _record_costs(self) -> bool:
        """Stores what the run has cost so far, if that is due and has changed. Returns whether it did."""
        if self._record.seconds_left > 0 or (row := self._record.progress(self._totals())) is None:
            return False
        self._store.append(storage.RUNS, [row])
        return True

    def _is_stored(self, pending: PendingRequest) -> bool:
        return not self._plan.fresh and self._plan.replies.find(pending.hash) is not None

    # --- The
    # end --------------------------------------------------------------------------------------------------------

    def _interrupted(self) -> Interrupted:
        return Interrupted(f"Interrupted; {self._counts.stored()} The same again goes on from there.")

    def _natural_outcome(self) -> Outcome:
        if isinstance(self._failure, OllamaError) and self._failure is self._breaker.lost:
            return "server_lost"
        if self._failure is not None:
            return "failed"
        if self._counts.errors >= self._plan.max_errors and not self._rows_ended:
            return "too_many_errors"
        if self._has_unsent or (self._stopping and not self._rows_ended):
            self._failure = self._interrupted()
            return "interrupted"
        return "errors" if self._counts.errors else "complete"

    def _interrupt(self) -> None:
        """Ends the requests that are being sent, and stores the replies that have arrived."""
        self.abort()
        self._threads.close()
        try:
            self._collect()
            self._digests.confirm(self._sent)
            while self._sent or self._to_store:
                self._save(all=True)
                self._collect()
        finally:
            self._end("interrupted", None)

    def _end(self, outcome: Outcome, failure: BaseException | None) -> None:
        self._outcome = outcome
        self._failure = failure
        self._breaker.cancel()
        if outcome in ("complete", "errors", "too_many_errors") and self._counts.asked:
            self._digests.finish()
        self._digests.note_unknown()
        self._plan.watch.abort()
        if outcome not in ("complete", "errors", "too_many_errors") or self._in_flight:
            self._plan.client.abort()
        self._threads.close()
        self._counts = self._totals()
        self._in_flight.clear()
        self._plan.rows.close()
        if self._began and not self._store.closed:
            self._store.append(storage.RUNS, [self._record.end(outcome, self._counts)])
            self._store.commit()
        self._plan.close()
        self._ended.set()

"""A run: input rows in, prompts asked, replies and results stored as they arrive.

One thread, the caller's, does everything with the store; it works when the next result is asked for. Threads ask the server, one reads
the query. What waits anywhere is bounded, so memory does not grow with the rows. Replies that arrived while a commit was
under way are one commit: a killed run loses at most what had not arrived and what arrived during one commit.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lakebed._backend import Hash
from lakebed._records import to_json
from lakebed.errors import Interrupted, LakebedError, ModelMissing, OllamaError
from lakebed.prompts import storage
from lakebed.prompts.client import Chunk
from lakebed.prompts.failures import Canceled
from lakebed.prompts.input_rows import END, InputRow
from lakebed.prompts.request import canonical
from lakebed.prompts.results import Outcome, PromptReport, PromptResult, RowError, Source
from lakebed.prompts.run_plan import Plan, Prepared
from lakebed.prompts.sender import Job, Workers
from lakebed.prompts.storage import Results, Stored
from lakebed.prompts.template import dump

_WAITING = 4096
"""Rows that wait for replies under way."""
_TOGETHER = 256
"""Rows that are stored in one commit."""


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    rows: int
    total: int | None
    asked: int
    cached: int
    present: int
    errors: int
    in_flight: int
    reply_tokens: int
    tokens_per_second: float
    seconds: float
    seconds_left: float | None
    waiting_for: str
    """Why the run waits for the server; empty when it does not."""


class _Ear:
    """Passes on pieces of replies. Threads hold it, and not the run, which ends when nobody holds it."""

    listener: Callable[[Job, Chunk | None], None] | None = None

    def tell(self, job: Job, chunk: Chunk | None) -> None:
        if self.listener is not None:
            self.listener(job, chunk)


@dataclass
class _Row:
    row: InputRow
    prepared: Prepared
    stored: Stored | None = None
    cached: bool = False


class Run(Iterator[PromptResult]):
    """The results of a run, each as soon as it is stored. `report` says how it went.

    The iterator ends when all rows are done, also when some have errors. It raises `OllamaUnreachable`, `OllamaBusy` or `OllamaStalled`
    when the server was in trouble for longer than `wait`, and `Interrupted` after Ctrl-C; what was stored stays, and the same call
    goes on from there.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.id = storage.new_run()
        """The run's name."""
        self.total: int | None = None
        """Input rows, where somebody counted them."""
        self._ear = _Ear()
        self._store = plan.store
        self._events: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._workers = Workers(plan.asker(self._ear.tell), plan.jobs, self._events.put)
        self._gate = plan.gate
        self._under_way: dict[str, Job] = {}
        self._waiting = 0
        self._to_store: list[_Row] = []
        self._done: list[Job] = []
        self._ready: deque[PromptResult] = deque()
        self._present: Results | None = None
        self._rows_ended = self._began = self._stopping = self._left_over = False
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._outcome: Outcome | None = None
        self._start = time.perf_counter()
        self._counts = dict.fromkeys(
            ("rows", "asked", "cached", "present", "errors", "cut", "prompt_tokens", "reply_tokens"), 0
        )
        self._answer_seconds = 0.0

    # --- What a caller does ---------------------------------------------------------------------------------------------

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
            message = f"Interrupted; {self.told()} The same again goes on from there."
            raise Interrupted(message) from error
        except StopIteration:
            raise
        except BaseException as error:
            if self._outcome is None:
                self._end("failed", error)
            raise
        return self._ready.popleft()

    def finish(self) -> None:
        """Takes no more rows; what is under way is finished. May be called by a signal handler, or from another thread."""
        self._stopping = True
        self._events.put(None)

    def abort(self) -> None:
        """Ends what is under way, too. May be called by a signal handler, or from another thread."""
        self._stopping = True
        self._gate.cancel()
        self._plan.client.abort()
        self._events.put(None)

    def close(self) -> None:
        """Ends the run where it is, and lets everything go."""
        if self._outcome is None:
            self._interrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An iterator that was left behind must not keep asking; nobody is there to be told of errors.
        if "_ended" in self.__dict__ and not self._ended.is_set():
            with contextlib.suppress(Exception):
                self.close()

    def listen(self, listener: Callable[[Job, Chunk | None], None]) -> None:
        """Has this told of pieces of replies, by the threads that receive them. None in place of a piece: forget what was said."""
        self._ear.listener = listener

    @property
    def is_single(self) -> bool:
        """Whether one prompt is asked, of no row."""
        return self._plan.query is None and not self._plan.rows.columns

    def count_rows(self) -> None:
        """Counts the input rows, for `status`; the query runs once for it."""
        self.total = self._plan.rows.count()

    @property
    def report(self) -> PromptReport:
        """What the run did so far."""
        return PromptReport(
            run=self.id,
            model=self._plan.question.model,
            digest=self._plan.question.digest,
            into=self._plan.into,
            outcome=self._outcome or "interrupted",
            seconds=time.perf_counter() - self._start,
            notes=tuple(self._plan.notes),
            **self._counts,
        )

    @property
    def status(self) -> Status:
        """How far it is; cheap, and from any thread."""
        counts, seconds = self._counts, time.perf_counter() - self._start
        settled = counts["asked"] + counts["cached"] + counts["present"] + counts["errors"]
        left = None
        if self.total is not None and counts["asked"] + counts["errors"]:
            left = max(0, self.total - settled) * seconds / (counts["asked"] + counts["errors"])
        trouble = self._gate.trouble
        return Status(
            rows=settled,
            total=self.total,
            asked=counts["asked"],
            cached=counts["cached"],
            present=counts["present"],
            errors=counts["errors"],
            in_flight=len(self._under_way),
            reply_tokens=counts["reply_tokens"],
            tokens_per_second=counts["reply_tokens"] / seconds if seconds > 0 else 0.0,
            seconds=seconds,
            seconds_left=left,
            waiting_for=f"{trouble} Trying again in {self._gate.left():.0f} s." if trouble else "",
        )

    def told(self) -> str:
        """What is stored, in a sentence."""
        counts = self._counts
        stored = counts["asked"] + counts["cached"]
        return f"{stored:,} results and {counts['asked']:,} new replies are stored."

    # --- Each step ------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Takes rows while there is room, stores what can be stored, or waits until something happens."""
        if not self._began:
            self._begin()
        self._take_rows()
        self._collect(wait=False)
        if not self._done and not self._to_store:
            if self._is_over():
                return self._end(self._natural_outcome(), self._failure)
            self._collect(wait=True)
        if self._done or self._to_store:
            self._save()
        return None

    def _is_over(self) -> bool:
        return not self._under_way and (self._rows_ended or self._stopping)

    def _begin(self) -> None:
        self._began = True
        # What the store's owner has pending is committed first, as `ingest` does.
        self._store.commit()
        self._store.append(storage.RUNS, [to_json(self._plan.described(self.id))])
        for name, row in self._plan.rows_to_save():
            self._store.append(name, [row])
        self._store.commit()
        events = self._events
        self._plan.rows.start(lambda: events.put(None))
        if not self._plan.fresh and self._plan.into is not None:
            self._present = Results(self._store, self._plan.into)

    def _take_rows(self) -> None:
        plan = self._plan
        while (
            not self._rows_ended
            and not self._stopping
            and len(self._under_way) < 2 * plan.jobs
            and self._waiting < _WAITING
            and len(self._to_store) < _TOGETHER
        ):
            row = plan.rows.poll()
            if row is None:
                return
            if row is END:
                self._rows_ended = True
                return
            assert isinstance(row, InputRow)
            self._counts["rows"] += 1
            self._take(row)

    def _take(self, row: InputRow) -> None:
        prepared = self._plan.prepare(row)
        if self._present is not None and self._present.take(prepared.request, prepared.values, row.sources):
            self._counts["present"] += 1
            return
        waiting = _Row(row, prepared)
        if prepared.error is not None:
            self._to_store.append(waiting)
            return
        under_way = self._under_way.get(prepared.request)
        if under_way is None and not self._plan.fresh:
            waiting.stored = self._plan.known(prepared)
        if waiting.stored is not None:
            waiting.cached = True
            self._to_store.append(waiting)
            return
        self._waiting += 1
        if under_way is not None:
            waiting.cached = True
            under_way.rows.append(waiting)
            return
        job = Job(prepared.request, prepared.data, prepared.messages, prepared.blobs, [waiting])
        self._under_way[prepared.request] = job
        self._workers.submit(job)

    def _collect(self, *, wait: bool) -> None:
        """Takes the jobs that are done; with `wait` at least one, or a sign that something changed."""
        while len(self._done) < _TOGETHER:
            try:
                job = self._events.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if job is None:
                continue
            if isinstance(job.error, Canceled) or (self._gate.lost is not None and job.error is self._gate.lost):
                # Nothing is known about its rows; the next run asks.
                self._forget(job)
                self._left_over = True
                if self._gate.lost is not None and self._failure is None:
                    self._failure = self._gate.lost
                self._stopping = True
            elif isinstance(job.error, ModelMissing) or not isinstance(job.error, LakebedError | None):
                self._forget(job)
                self._failure = self._failure or job.error
                self._stopping = True
                self._gate.cancel()
            else:
                self._done.append(job)

    def _forget(self, job: Job) -> None:
        self._under_way.pop(job.request, None)
        self._waiting -= len(job.rows)

    def _save(self) -> None:
        """Stores replies that arrived and rows that are settled, in one commit."""
        jobs, rows = self._done, self._to_store
        self._done, self._to_store = [], []
        # The lock is taken by the first change; it is not known before whether others stored the same replies meanwhile.
        while True:
            new = [job for job in jobs if job.reply is not None and not self._others(job)]
            data = [job.reply.data() for job in new if job.reply is not None]
            if not data or self._plan.replies.add(data):
                break
        mine = {job.request: storage.stored(str(Hash.of(blob)), blob) for job, blob in zip(new, data, strict=True)}
        requests = {job.request: job.data for job in jobs}
        settled = list(rows)
        for job in jobs:
            self._forget(job)
            reply = mine.get(job.request)
            if reply is not None:
                self._count(reply)
            elif job.reply is not None:
                reply = self._plan.replies.find(job.request)
            for number, waiting in enumerate(job.rows):
                waiting.stored = reply
                waiting.cached = number > 0 or (reply is not None and job.request not in mine)
            settled += [_with(waiting, job) for waiting in job.rows]
        requests |= {one.prepared.request: one.prepared.data for one in rows if one.prepared.error is None}
        for one in settled:
            for hash, blob in one.prepared.blobs.items():
                if hash not in self._store:
                    self._store.put(blob)
        unknown = [data for request, data in requests.items() if request not in self._store]
        if unknown:
            self._store.append(storage.REQUESTS, unknown)
        results = [self._result(one) for one in settled]
        if self._plan.into is not None and results:
            self._store.append(self._plan.into, [data for data, _ in results])
        self._store.commit()
        for one, (_, shown) in zip(settled, results, strict=True):
            if shown.error is not None:
                self._counts["errors"] += 1
            elif one.cached:
                self._counts["cached"] += 1
            else:
                self._counts["asked"] += 1
            self._ready.append(shown)
        if self._counts["errors"] >= self._plan.max_errors:
            self._stopping = True

    def _others(self, job: Job) -> bool:
        """Whether somebody else has stored a reply to this meanwhile."""
        return not self._plan.fresh and self._plan.replies.find(job.request) is not None

    def _count(self, reply: Stored) -> None:
        self._counts["prompt_tokens"] += reply.stats.get("prompt_eval_count", 0)
        self._counts["reply_tokens"] += reply.stats.get("eval_count", 0)
        self._counts["cut"] += reply.done_reason == "length"

    def _result(self, one: _Row) -> tuple[bytes, PromptResult]:
        """A row of the results, and how the caller sees it."""
        row, prepared, reply = one.row, one.prepared, one.stored
        error = prepared.error
        text = prepared.text if error is not None else reply.text if reply is not None else None
        value = None
        told = "null"
        if error is not None:
            message = f"Row {row.n}: {error}"
            told = json.dumps({"kind": getattr(error, "kind", "error"), "message": message}, ensure_ascii=False)
        elif reply is not None and self._plan.format is not None:
            value = json.loads(reply.text)
        sources = canonical(row.sources) if row.sources else "[]"
        data = storage.result(
            self.id,
            row.n,
            prepared.input,
            sources,
            prepared.request,
            reply.hash if reply is not None else None,
            text,
            "null" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":")),
            told,
        )
        shown = PromptResult.model_construct(
            run=self.id,
            n=row.n,
            input=json.loads(prepared.input),
            sources=tuple(
                Source.model_construct(collection=one["collection"], seq=one["seq"], hash=Hash(one["hash"]))
                for one in row.sources
            ),
            request=Hash(prepared.request),
            reply=Hash(reply.hash) if reply is not None else None,
            text=text,
            value=value,
            error=RowError(**json.loads(told)) if error is not None else None,
            thinking=reply.thinking if reply is not None else "",
            done_reason=reply.done_reason if reply is not None else "",
            cached=one.cached,
            stats=reply.stats if reply is not None else {},
        )
        return data, shown

    # --- The end --------------------------------------------------------------------------------------------------------

    def _natural_outcome(self) -> Outcome:
        if isinstance(self._failure, OllamaError) and self._failure is self._gate.lost:
            return "server_lost"
        if self._failure is not None:
            return "failed"
        if self._counts["errors"] >= self._plan.max_errors and not self._rows_ended:
            return "too_many_errors"
        if self._left_over or (self._stopping and not self._rows_ended):
            self._failure = Interrupted(f"Interrupted; {self.told()} The same again goes on from there.")
            return "interrupted"
        return "errors" if self._counts["errors"] else "complete"

    def _interrupt(self) -> None:
        """Ends what is under way, keeps what has arrived."""
        self.abort()
        self._workers.close()
        try:
            self._collect(wait=False)
            while self._done or self._to_store:
                self._save()
                self._collect(wait=False)
        finally:
            self._end("interrupted", None)

    def _end(self, outcome: Outcome, failure: BaseException | None) -> None:
        self._outcome = outcome
        self._failure = failure
        self._gate.cancel()
        if outcome not in ("complete", "errors", "too_many_errors") or self._under_way:
            self._plan.client.abort()
        self._workers.close()
        self._plan.rows.close()
        if self._began and not self._store.closed:
            ended = {"run": self.id, "event": "end", "at": storage.now(), "outcome": outcome, **self._counts}
            self._store.append(storage.RUNS, [to_json(ended)])
            self._store.commit()
        self._plan.close()
        self._ended.set()


def _with(waiting: _Row, job: Job) -> _Row:
    """The row with what became of its job."""
    if job.error is None:
        return waiting
    prepared = waiting.prepared._replace(error=job.error, text=job.text)
    return _Row(waiting.row, prepared, None, waiting.cached)


__all__ = ["Run", "Status", "dump"]

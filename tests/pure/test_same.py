"""The engines in Rust and in Python: the same operations give the same answers, errors and reports, and each reads and
extends what the other wrote."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import lakebed
from lakebed import _backend
from tests.pure.twins import Twins, segments

if len(_backend.installed()) < 2:
    pytest.skip("both engines are needed", allow_module_level=True)

NAMES = st.sampled_from(["a", "b", "c"])
BLOBS = st.one_of(
    st.integers(0, 30).map(lambda number: f'{{"n":{number}}}'.encode()),
    st.integers(0, 5).map(lambda number: bytes([number]) * (100 * number)),
    st.binary(max_size=40),
)
RECORDS = st.one_of(
    st.integers(0, 30).map(lambda number: f'{{"n":{number}}}'.encode()),
    st.integers(0, 30).map(lambda number: f'{{"n":{number},"text":"{"x" * number * 7}"}}'.encode()),
    st.sampled_from([b"1", b"null", b'"text"', b'{"n":1.5}', b'{"t":"2024-01-01"}', b'{"o":{"x":[1,2]}}', b"[]"]),
)
LAYOUTS = st.sampled_from(["columns", "rows", "auto"])
HASHES = BLOBS.map(lakebed.Hash.of)


class Machine(RuleBasedStateMachine):
    """Calls on both stores."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()

    @initialize()
    def begin(self) -> None:
        self.twins = Twins(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))
        self.compacted = False

    def teardown(self) -> None:
        if hasattr(self, "twins"):
            self.twins.close()
        self.stack.close()

    @rule(data=BLOBS)
    def put(self, data: bytes) -> None:
        self.twins.both(lambda store: str(store.put(data)))

    @rule(name=NAMES, records=st.lists(RECORDS, max_size=20))
    def append(self, name: str, records: list[bytes]) -> None:
        self.twins.both(lambda store: store.append(name, records))

    @rule(name=NAMES, record=st.sampled_from([b"{", b"1 2", b"\xff", b"\n1"]))
    def append_what_is_bad(self, name: str, record: bytes) -> None:
        assert self.twins.both(lambda store: store.append(name, [b"1", record])) == "bad_record"

    @rule(hash=HASHES)
    def delete(self, hash: lakebed.Hash) -> None:
        self.twins.both(lambda store: store.delete(hash))

    @rule()
    def commit(self) -> None:
        self.twins.both(lambda store: store.commit())

    @rule()
    def rollback(self) -> None:
        self.twins.both(lambda store: store.rollback())

    @rule(name=NAMES)
    def drop(self, name: str) -> None:
        self.twins.both(lambda store: store.drop(name))

    @rule(name=NAMES, before=st.integers(0, 40))
    def trim(self, name: str, before: int) -> None:
        self.twins.both(lambda store: store.trim(name, before_seq=before))

    @rule()
    def seal(self) -> None:
        self.twins.both(lambda store: store.seal())

    @rule()
    def compact(self) -> None:
        self.compacted = True
        self.twins.compact()

    @rule(name=NAMES, first=st.integers(0, 100))
    def append_what_fits_columns(self, name: str, first: int) -> None:
        records = [b'{"n":%d,"text":"%s"}' % (number, b"x" * (number % 9)) for number in range(first, first + 70)]
        self.twins.both(lambda store: store.append(name, records))

    @rule(name=st.sampled_from(["a", "b", None]), layout=LAYOUTS)
    def lay(self, name: str | None, layout: str) -> None:
        self.compacted = True
        self.twins.compact(name, layout=layout)

    @rule(name=NAMES, layout=LAYOUTS)
    def declare(self, name: str, layout: Any) -> None:
        self.twins.both(lambda store: store.declare(name, layout=layout))

    @rule(name=NAMES, records=st.lists(RECORDS, min_size=1, max_size=100), layout=st.none() | LAYOUTS)
    def ingest(self, name: str, records: list[bytes], layout: str | None) -> None:
        self.compacted = True
        self.twins.ingest(name, records, layout)

    @rule(name=NAMES)
    def files(self, name: str) -> None:
        self.twins.files(name)

    @rule()
    def move(self) -> None:
        self.twins.move()

    @rule(hash=HASHES)
    def get(self, hash: lakebed.Hash) -> None:
        self.twins.both(lambda store: store.get(hash))
        self.twins.both(lambda store: (hash in store, store.get_many([hash])))

    @rule(prefix=st.text("0123456789abcdef", min_size=1, max_size=3))
    def resolve(self, prefix: str) -> None:
        self.twins.both(lambda store: str(store.resolve(prefix)))

    @rule(name=NAMES, start=st.integers(0, 40), stop=st.integers(0, 40))
    def scan(self, name: str, start: int, stop: int) -> None:
        self.twins.both(lambda store: [(row.seq, row.data) for row in store.scan(name, start, stop)])

    @rule()
    def swap(self) -> None:
        self.twins.swap()
        self.twins.check_files()

    @rule()
    def segments_are_the_same(self) -> None:
        # Sizes differ after a compaction: the Parquet files of each engine are its own.
        if not self.compacted:
            self.twins.both(segments)

    @invariant()
    def same(self) -> None:
        if hasattr(self, "twins"):
            self.twins.check()


Machine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSame = Machine.TestCase

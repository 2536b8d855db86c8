#!/usr/bin/env python3
"""The engines in Rust and in Python get the same random calls, exchange their stores in between, and must answer the
same: until 100,000 answers were compared, about ten minutes, or until SIGTERM. Arguments: the number of answers, the
first seed."""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import lakebed
from tests.pure.twins import Twins, segments

STEPS = 70
LAYOUTS: tuple[Any, ...] = ("columns", "columns", "rows", "auto")
CALLS = {
    "put": 6, "append": 10, "append_bad": 1, "delete": 3, "commit": 6, "rollback": 1, "drop": 1, "trim": 2, "seal": 1, "compact": 1,
    "append_many": 2, "lay": 2, "declare": 1, "ingest": 2, "files": 1, "move": 1, "get": 4, "resolve": 2, "scan": 3, "swap": 1,
    "segments": 1,
}  # fmt: skip
"""The calls, and how often each is made."""


class Sequence:
    """One random sequence of calls."""

    def __init__(self, seed: int, place: Path) -> None:
        self.chance = random.Random(seed)
        # Segments that are never joined, some that are, and one for all.
        self.twins = Twins(place, segment_bytes=self.chance.choice([4 << 10, 128 << 10, 64 << 20]))
        self.compacted = False
        self.done: list[str] = []

    def run(self) -> int:
        """Make the calls. Returns how many answers were compared."""
        try:
            for step in range(STEPS):
                name = self.chance.choices(list(CALLS), list(CALLS.values()))[0]
                self.done.append(name)
                getattr(self, name)()
                if step % 3 == 0:
                    self.twins.check()
            self.swap()
        finally:
            self.twins.close()
        return self.twins.compared

    def blob(self) -> bytes:
        chance = self.chance
        kinds = (
            b'{"n":%d}' % chance.randrange(30),
            bytes([chance.randrange(5)]) * (100 * chance.randrange(6)),
            chance.randbytes(chance.randrange(40)),
        )
        return chance.choice(kinds)

    def record(self) -> bytes:
        chance = self.chance
        number, text = chance.randrange(30), b"x" * chance.randrange(200)
        others = [b"1", b"null", b'"text"', b'{"n":1.5}', b'{"t":"2024-01-01"}', b'{"o":{"x":[1,2]}}', b"[]"]
        return chance.choice([b'{"n":%d}' % number, b'{"n":%d,"text":"%s"}' % (number, text), *others])

    def name(self) -> str:
        return self.chance.choice("abc")

    def hash(self) -> lakebed.Hash:
        return lakebed.Hash.of(self.chance.choice([self.blob, self.record])())

    def put(self) -> None:
        data = self.blob()
        self.twins.both(lambda store: str(store.put(data)))

    def append(self) -> None:
        name, records = self.name(), [self.record() for _ in range(self.chance.randrange(20))]
        self.twins.both(lambda store: store.append(name, records))

    def append_bad(self) -> None:
        name, bad = self.name(), self.chance.choice([b"{", b"\xff"])
        self.twins.both(lambda store: store.append(name, [b"1", bad]))

    def delete(self) -> None:
        hash = self.hash()
        self.twins.both(lambda store: store.delete(hash))

    def commit(self) -> None:
        self.twins.both(lambda store: store.commit())

    def rollback(self) -> None:
        self.twins.both(lambda store: store.rollback())

    def drop(self) -> None:
        name = self.name()
        self.twins.both(lambda store: store.drop(name))

    def trim(self) -> None:
        name, before = self.name(), self.chance.randrange(40)
        self.twins.both(lambda store: store.trim(name, before_seq=before))

    def seal(self) -> None:
        self.twins.both(lambda store: store.seal())

    def compact(self) -> None:
        self.compacted = True
        self.twins.compact(level=self.chance.choice([None, None, None, 3]), dry_run=self.chance.random() < 0.3)

    def append_many(self) -> None:
        name, first = self.name(), self.chance.randrange(100)
        records = [b'{"n":%d,"text":"%s"}' % (number, b"x" * (number % 9)) for number in range(first, first + 70)]
        self.twins.both(lambda store: store.append(name, records))

    def lay(self) -> None:
        self.compacted = True
        self.twins.compact(self.chance.choice(["a", "b", None]), layout=self.chance.choice(LAYOUTS))

    def declare(self) -> None:
        name, layout = self.name(), self.chance.choice(LAYOUTS)
        self.twins.both(lambda store: store.declare(name, layout=layout))

    def ingest(self) -> None:
        self.compacted = True
        records = [self.record() for _ in range(self.chance.choice([3, 70, 200]))]
        self.twins.ingest(self.name(), records, self.chance.choice([None, *LAYOUTS]))

    def files(self) -> None:
        self.twins.files(self.name())

    def move(self) -> None:
        self.twins.move()

    def get(self) -> None:
        hash = self.hash()
        self.twins.both(lambda store: store.get(hash))
        self.twins.both(lambda store: (hash in store, store.get_many([hash])))

    def resolve(self) -> None:
        prefix = "".join(self.chance.choices("0123456789abcdef", k=self.chance.randrange(1, 4)))
        self.twins.both(lambda store: str(store.resolve(prefix)))

    def scan(self) -> None:
        name, start, stop = self.name(), self.chance.randrange(40), self.chance.randrange(40)
        self.twins.both(lambda store: [(row.seq, row.data) for row in store.scan(name, start, stop)])

    def swap(self) -> None:
        self.twins.swap()
        self.twins.check_files()

    def segments(self) -> None:
        # Sizes differ after a compaction: the Parquet files of each engine are its own.
        if not self.compacted:
            self.twins.both(segments)


def main(wanted: int, seed: int) -> None:
    """Sequences until so many answers were compared."""
    warnings.simplefilter("ignore")
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    began, compared, first = time.monotonic(), 0, seed
    while compared < wanted and not stopped:
        with tempfile.TemporaryDirectory() as place:
            sequence = Sequence(seed, Path(place))
            try:
                compared += sequence.run()
            except BaseException:
                print(f"seed {seed}, after {' '.join(sequence.done)}", file=sys.stderr)
                raise
        seed += 1
    print(
        f"{compared:,} answers of {(seed - first) * STEPS:,} calls compared, no difference, {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*arguments, *[100_000, 0][len(arguments) :])

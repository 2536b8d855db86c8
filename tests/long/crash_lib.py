"""Shared by the long crash tests: records, commands, and the check of a store after a crash."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lakebed

CLI = [sys.executable, "-m", "lakebed"]


def record(n: int, padding: int = 80) -> bytes:
    """The n-th record, of about 120 bytes and so many more; about one in ten equals an earlier one."""
    if n % 10 == 9:
        n -= 7
    text = {
        "id": n,
        "type": "event",
        "actor": {"id": n % 97, "login": f"user-{n % 97}"},
        "text": (f"{n * 2654435761 % 2**64:020} " * (padding // 20))[:padding],
    }
    return json.dumps(text).encode()


def write_records(path: Path, start: int, stop: int, padding: int = 80) -> None:
    """Writes the records with these numbers as NDJSON."""
    with path.open("wb") as file:
        file.writelines(record(n, padding) + b"\n" for n in range(start, stop))


def check(path: Path, collection: str, acknowledged: int, attempted: int, padding: int = 80) -> int:
    """Checks that the store is whole and the collection a prefix of the records with all acknowledged ones; returns its
    rows."""
    with lakebed.open(path, "r", create=False) as store:
        report = store.verify()
        assert not report.problems, report
        names = [info.name for info in store.collections()]
        if collection not in names:
            assert acknowledged == 0, f"{acknowledged} rows were acknowledged and {collection} is not there"
            return 0
        out = io.BytesIO()
        store.export(collection, out)
        lines = out.getvalue().splitlines()
    assert acknowledged <= len(lines) <= attempted, (
        f"{acknowledged} acknowledged, {len(lines)} found, {attempted} attempted"
    )
    for n, line in enumerate(lines):
        assert line == record(n, padding), f"row {n} is {line[:80]!r}"
    return len(lines)


@contextmanager
def figures(test: str) -> Iterator[dict[str, int]]:
    """Counts to fill in, for `make trust`: a line of JSON is added to the file that LAKEBED_FIGURES names, also when
    the test fails."""
    began, counts, failed = time.monotonic(), dict[str, int](), True
    try:
        yield counts
        failed = False
    finally:
        if path := os.environ.get("LAKEBED_FIGURES"):
            line = {"test": test, "seconds": round(time.monotonic() - began, 1), **counts}
            with Path(path).open("a") as file:
                file.write(json.dumps(line | {"failed": True} if failed else line) + "\n")


def run(*command: str | os.PathLike[str], code: int = 0, timeout: float = 120) -> subprocess.CompletedProcess[bytes]:
    """Runs a lakebed command, which must end with this exit code."""
    done = subprocess.run(
        [*CLI, *(os.fspath(word) for word in command)], capture_output=True, timeout=timeout, check=False
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}, not {code}:\n{done.stderr.decode()}"
    return done

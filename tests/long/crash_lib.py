"""Shared by the long crash tests: records, commands, and the check of a store after a crash."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import lakebed

CLI = [sys.executable, "-m", "lakebed"]


def record(n: int) -> bytes:
    """The n-th record, of about 200 bytes; about one in ten equals an earlier one."""
    if n % 10 == 9:
        n -= 7
    text = {
        "id": n,
        "type": "event",
        "actor": {"id": n % 97, "login": f"user-{n % 97}"},
        "text": f"{n * 2654435761 % 2**64:020} " * 4,
    }
    return json.dumps(text).encode()


def write_records(path: Path, start: int, stop: int) -> None:
    """Writes the records with these numbers as NDJSON."""
    with path.open("wb") as file:
        file.writelines(record(n) + b"\n" for n in range(start, stop))


def check(path: Path, collection: str, acknowledged: int, attempted: int) -> int:
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
        assert line == record(n), f"row {n} is {line[:80]!r}"
    return len(lines)


def run(*command: str | os.PathLike[str], code: int = 0, timeout: float = 120) -> subprocess.CompletedProcess[bytes]:
    """Runs a lakebed command, which must end with this exit code."""
    done = subprocess.run(
        [*CLI, *(os.fspath(word) for word in command)], capture_output=True, timeout=timeout, check=False
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}, not {code}:\n{done.stderr.decode()}"
    return done

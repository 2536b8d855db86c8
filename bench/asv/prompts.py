"""The cost of a prompt over a row without the model: against a server that answers at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import lakebed
from bench.records import titles

from . import prepared
from .prepared import unit

rounds, timeout = 1, 600

ROWS = 20 if prepared.SMOKE else 500


class Overhead:
    """Rendering, hashing, asking, and storing request, reply and result durably, four at a time."""

    def setup(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.prompts.server", "--port", "0", "--delay", "0", "--quiet"],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout is not None
        os.environ["OLLAMA_HOST"] = json.loads(self.server.stdout.readline())["url"]

    def teardown(self) -> None:
        self.server.terminate()
        self.server.communicate()

    def ask(self, rows: int) -> None:
        """Asks for each row, into a new store."""
        shutil.rmtree("new.lakebed", ignore_errors=True)
        with lakebed.open("new.lakebed") as store:
            given = titles(rows)
            results = list(lakebed.prompt(store, "instant", "Summarise: {title}", rows=given, jobs=4))
        assert len(results) == rows
        assert not any(result.error for result in results)

    @unit("ms")
    def track_time_of_a_row(self) -> float:
        self.ask(10)
        start = time.perf_counter()
        self.ask(ROWS)
        return (time.perf_counter() - start) * 1e3 / ROWS

    @unit("ms")
    def track_processor_of_a_row(self) -> float:
        """Of this process; the server is another one."""
        self.ask(10)
        start = time.process_time()
        self.ask(ROWS)
        return (time.process_time() - start) * 1e3 / ROWS

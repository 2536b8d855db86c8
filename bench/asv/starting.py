"""Start-up times: the import, a command, the shell's prompt."""

from __future__ import annotations

import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import time

import lakebed
from bench.records import small

from . import prepared
from .prepared import unit

number, warmup_time, repeat, rounds, timeout = 1, 0, (5, 10, 20.0), 1, 600

PROMPT = b"data>"
TIMEOUT = 60


def timeraw_import() -> str:
    return "import lakebed"


def timeraw_import_all() -> str:
    """With the modules that are imported at first use: DuckDB, models, prompts."""
    return "import lakebed; lakebed.connect; lakebed.prompt"


class Program:
    """`lakebed` on a small store."""

    def setup(self) -> None:
        shutil.rmtree("data.lakebed", ignore_errors=True)
        with lakebed.open("data.lakebed") as store:
            store.append("small", list(small(1000)))

    def time_stats(self) -> None:
        subprocess.run([sys.executable, "-m", "lakebed", "stats"], check=True, stdout=subprocess.DEVNULL)

    def time_query(self) -> None:
        command = [sys.executable, "-m", "lakebed", "query", "SELECT count(*) FROM small"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    @unit("s")
    def track_prompt(self) -> float:
        """From starting `lakebed` on a terminal to its prompt."""
        return statistics.median(until_prompt() for _ in range(1 if prepared.SMOKE else 5))


def until_prompt() -> float:
    """Starts the shell on a new terminal; returns the seconds to its prompt."""
    master, slave = pty.openpty()
    environ = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm-256color"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lakebed"], stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
    )
    try:
        seen = b""
        while PROMPT not in seen:
            left = start + TIMEOUT - time.perf_counter()
            if not select.select([master], [], [], max(left, 0))[0]:
                raise TimeoutError(f"no prompt after {TIMEOUT} s: {seen[-500:]!r}")
            seen += os.read(master, 65536)
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)

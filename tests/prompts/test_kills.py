"""A run that is killed loses nothing it stored, and asks nothing twice for it; and the benchmark runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.prompts.kills import kill_and_resume


def test_killed_runs_go_on_where_they_were(server, tmp_path):
    asked, in_vain = kill_and_resume(tmp_path, times=4, rows=60, seed=5)
    assert asked >= 60
    # Each kill loses what was under way: twice the number of requests at a time at most, and what arrived during one
    # commit.
    assert in_vain <= 4 * 12


def test_the_benchmark_runs():
    command = [sys.executable, "-m", "bench.prompts", "--rows", "20"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("lakebed-rust", "lakebed-httpx", "ollama-threads"):
        assert name in done.stdout

"""Prompts over rows beside the official client in a thread pool, against a fake server that answers at once.

    python -m bench.prompts [--rows 10000] [--jobs 4]

Each contender runs in its own process. Measured are seconds, rows a second, the client's processor time for each row,
and resident memory after a tenth of the rows and at the end. lakebed renders, hashes, asks and stores durably; the
official client asks and appends lines to a file.

Then ten times as many rows of a collection are finished, and a new process resumes them: it has to find that each has
its result. Measured are the same, and the size of the store.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.prompts.resuming import fill, memory, resume
from bench.records import titles

if TYPE_CHECKING:
    from concurrent.futures import Future

BODY = "some words of a body " * 5
CONTENDERS = ("lakebed-rust", "lakebed-httpx", "ollama-threads")
FILL, RESUME = "fill", "lakebed, resumed"


def run_lakebed(rows: int, jobs: int, place: Path, mark: Callable[[int], None]) -> int:
    """Asks through `lakebed.prompt`; returns the number of replies."""
    import lakebed

    with lakebed.open(place / "bench.lakebed") as store:
        run = lakebed.prompt(store, "instant", "Summarise: {title}\\n{body}", rows=titles(rows, BODY), jobs=jobs)
        count = 0
        for count, result in enumerate(run, 1):
            assert result.error is None
            mark(count)
        return count


def run_official(rows: int, jobs: int, place: Path, mark: Callable[[int], None]) -> int:
    """Asks through `ollama.Client.chat` in a thread pool; returns the number of replies."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    import ollama

    client = ollama.Client(host=os.environ["OLLAMA_HOST"])

    def ask(row: dict[str, object]) -> str:
        messages = [{"role": "user", "content": f"Summarise: {row['title']}\n{row['body']}"}]
        chunks = list(client.chat("instant", messages, stream=True))
        assert chunks[-1].done
        return json.dumps({**row, "text": "".join(chunk.message.content or "" for chunk in chunks)})

    count = 0
    with ThreadPoolExecutor(jobs) as pool, (place / "replies.ndjson").open("w") as out:
        waiting: set[Future[str]] = set()
        given = titles(rows, BODY)
        while True:
            while len(waiting) < 2 * jobs and (row := next(given, None)) is not None:
                waiting.add(pool.submit(ask, row))
            if not waiting:
                return count
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for one in done:
                out.write(one.result() + "\n")
                count += 1
                mark(count)


def contend(name: str, rows: int, jobs: int) -> None:
    """Runs one contender in this process and prints its figures as JSON."""
    marks: list[float] = []

    def mark(count: int) -> None:
        if count in (rows // 10, rows):
            marks.append(memory())

    # The first rows pay for imports and connections, which are not compared.
    run = run_official if name == "ollama-threads" else run_lakebed
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "warm").mkdir()
        run(10, jobs, Path(scratch) / "warm", lambda _count: None)
        start, used = time.perf_counter(), time.process_time()
        assert run(rows, jobs, Path(scratch), mark) == rows
        seconds, used = time.perf_counter() - start, time.process_time() - used
    print(json.dumps({"name": name, "seconds": seconds, "cpu": used, "memory": marks}))


def measured(name: str, url: str, rows: int, jobs: int, place: str = "") -> dict[str, Any]:
    """The figures of one contender, which runs in a process of its own."""
    client = {"ollama-threads": "", "lakebed-httpx": "httpx"}.get(name, "rust")
    command = [sys.executable, "-m", "bench.prompts", "--only", name, "--rows", str(rows), "--jobs", str(jobs)]
    done = subprocess.run(
        [*command, "--place", place],
        env={**os.environ, "OLLAMA_HOST": url, "LAKEBED_OLLAMA_CLIENT": client},
        check=True,
        stdout=subprocess.PIPE,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Runs all contenders against one server, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--finished", type=int, help="rows that are resumed (default: ten times --rows)")
    parser.add_argument("--only", choices=(*CONTENDERS, FILL, RESUME))
    parser.add_argument("--place")
    options = parser.parse_args()
    if options.only in (FILL, RESUME):
        place = Path(options.place)
        figures = fill(place, options.rows, options.jobs) if options.only == FILL else resume(place, options.rows)
        print(json.dumps(figures))
        return
    if options.only:
        contend(options.only, options.rows, options.jobs)
        return
    command = [sys.executable, "-m", "tests.prompts.server", "--port", "0", "--delay", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        print(f"{options.rows:,} rows, {options.jobs} at a time\n")
        print(f"{'':16} {'seconds':>8} {'rows/s':>8} {'CPU ms/row':>11} {'MB at 10 %':>11} {'MB at end':>10}")
        try:
            for name in CONTENDERS:
                figures = measured(name, url, options.rows, options.jobs)
                rate, cpu = options.rows / figures["seconds"], figures["cpu"] / options.rows * 1e3
                early, late = figures["memory"]
                print(f"{name:16} {figures['seconds']:8.1f} {rate:8,.0f} {cpu:11.3f} {early:11.0f} {late:10.0f}")
            finished = options.finished or 10 * options.rows
            with tempfile.TemporaryDirectory() as scratch:
                filled = measured(FILL, url, finished, options.jobs, scratch)
                figures = measured(RESUME, url, finished, options.jobs, scratch)
            rate, cpu = finished / figures["seconds"], figures["cpu"] / finished * 1e3
            early, late = figures["memory"]
            print(f"\n{finished:,} finished rows resumed")
            print(f"{RESUME:16} {figures['seconds']:8.1f} {rate:8,.0f} {cpu:11.3f} {early:11.0f} {late:10.0f}")
            print(
                f"\ntheir store: {filled['bytes'] / 1e6:.1f} MB, {filled['bytes'] / filled['rows_bytes']:.2f} times the rows"
            )
            print(f"filled in {filled['seconds']:.0f} s, {filled['commits']:,} commits")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()

"""Killing `lakebed prompt` with SIGKILL at random times, and what must hold after the last restart. Used by the tests
and by tests/long."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import lakebed
from tests.prompts.server import FakeOllama

PROGRAM = [sys.executable, "-m", "lakebed"]


def kill_and_resume(place: Path, *, times: int, rows: int, seed: int) -> tuple[int, int]:
    """Kills the command `times` times, then lets it end. How many requests were asked, and how many asked in vain.

    Asserts that each request has exactly one stored reply and one result, and that no request was sent again whose
    reply had been stored.
    """
    chance = random.Random(seed)
    server = FakeOllama(delay=0.004).start()
    environment = {**os.environ, "OLLAMA_HOST": server.url}
    path = place / "kill.lakebed"
    with lakebed.open(path) as store:
        store.append("issues", [{"title": f"title {number}"} for number in range(rows)])
    command = [
        *PROGRAM,
        "prompt",
        "llama3.2",
        "{title}",
        "--from",
        "FROM issues SELECT title",
        "-j",
        "3",
        "--store",
        str(path),
    ]
    try:
        for _ in range(times):
            before = stored(path)
            asked = Counter(server.asked)
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            goal = len(server.requests) + chance.randrange(1, 2 + rows // times)
            while process.poll() is None and len(server.requests) < goal:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.03)
            process.kill()
            _, err = process.communicate()
            assert process.returncode in (-9, 0), err.decode()
            again = {prompt for _, prompt in server.asked - asked} & before
            assert not again, f"asked again although stored: {sorted(again)[:3]}"
        before, asked = stored(path), Counter(server.asked)
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert not {prompt for _, prompt in server.asked - asked} & before
    finally:
        server.stop()
    with lakebed.open(path, "r") as store:
        assert not store.verify().problems
        replies = Counter(row.json()["request"] for row in store.scan("_replies"))
        results = Counter(row.json()["request"] for row in store.scan("results"))
        requests = {str(row.hash) for row in store.scan("_requests")}
    assert len(replies) == rows
    assert set(replies.values()) == set(results.values()) == {1}
    assert set(replies) == set(results) == requests
    total = sum(server.asked.values())
    return total, total - rows


def stored(path: Path) -> set[str]:
    """The prompts whose replies are in the store."""
    with lakebed.open(path, "r") as store:
        try:
            rows = list(store.scan("_replies"))
        except lakebed.CollectionNotFound:
            return set()
        return {row.json()["text"].removeprefix("You said: ") for row in rows}

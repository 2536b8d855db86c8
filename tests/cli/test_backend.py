"""Which engine runs: who is told, where, and how often."""

import json
import os
import pty
import subprocess
import sys

import pytest

WITHOUT_RUST = """
import sys
sys.modules["lakebed._engine"] = None
from lakebed._cli.main import main
sys.argv[0] = "lakebed"
sys.exit(main())
"""
SAID = "note: running without the Rust engine, several times slower; `pip install --force-reinstall --no-cache-dir lakebed`"


@pytest.fixture
def without_rust(place):
    """Runs a command where the engine in Rust is not installed, and gives standard output and error, which is a
    terminal or a pipe."""

    def run(*arguments, terminal, **environment):
        ours, theirs = pty.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_RUST, *map(str, arguments)],
            cwd=place,
            env={name: value for name, value in os.environ.items() if name != "LAKEBED_BACKEND"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        assert process.stdout is not None
        out = process.stdout.read()
        err = bytearray()
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            err += piece
        os.close(ours)
        process.stdout.close()
        assert process.wait(timeout=60) == 0, err
        return out.decode(), err.decode().replace("\r\n", "\n")

    return run


def test_an_ingest_on_a_terminal_says_once_that_rust_is_missing(without_rust, events):
    _, said = without_rust("ingest", events, events, "--into", "e", terminal=True)
    assert said.count("without the Rust engine") == 1
    assert SAID in said
    _, said = without_rust("ingest", events, terminal=True, LAKEBED_BACKEND="python")
    assert "Rust" not in said
    _, said = without_rust("ingest", events, terminal=False)
    assert "Rust" not in said


def test_stats_and_version_name_the_engine(without_rust, run, events):
    out, said = without_rust("ingest", events, terminal=False)
    out, said = without_rust("stats", terminal=True)
    assert json.loads(out)["backend"] == "python"
    assert "Rust" not in said
    assert json.loads(run("stats").out)["backend"] == "rust"
    out, _ = without_rust("--version", terminal=False)
    assert "(python), DuckDB" in out


def test_asking_for_rust_where_it_is_not_says_how_to_get_it(place):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RUST, "stats"],
        cwd=place,
        env=os.environ | {"LAKEBED_BACKEND": "rust"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "LAKEBED_BACKEND is rust, and lakebed's engine, lakebed._engine, is not installed" in done.stderr
    assert "pip install --force-reinstall --no-cache-dir lakebed" in done.stderr

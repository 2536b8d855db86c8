"""What works in environments without third-party packages, and what is said where one is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

import lakebed
from lakebed._packages import PURPOSES

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))
REPORTS = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions.py", "typing_inspection")
SQL = ("duckdb", "_duckdb*", "duckdb-*.dist-info", "pytz")
"""What `pip install pydantic` and `pip install duckdb pytz` put into an environment."""


@pytest.fixture
def environment(tmp_path):
    """Makes a new environment with lakebed and these packages; the function runs Python in it."""

    def make(*packages):
        place = tmp_path / "environment"
        venv.create(place, with_pip=False, symlinks=True)
        site = next((place / "lib").glob("python*")) / "site-packages"
        (site / "lakebed.pth").write_text(f"{Path(lakebed.__file__).parents[1]}\n")
        for package in packages:
            for found in SITE.glob(package):
                (site / found.name).symlink_to(found)

        def run(*arguments):
            environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LAKEBED"))}
            return subprocess.run(
                [place / "bin/python", *arguments],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )

        return run

    return make


def test_bytes_go_in_and_out_without_any_package(environment):
    python = environment()
    code = (
        "import lakebed, sys\n"
        "with lakebed.open('data.lakebed') as store:\n"
        "    hash = store.put(b'bytes')\n"
        "    store.commit()\n"
        "    assert store.get(hash) == b'bytes'\n"
        "try:\n"
        "    lakebed.open('data.lakebed').stats()\n"
        "except lakebed.PackageMissing as problem:\n"
        "    print(problem)\n"
        "try:\n"
        "    lakebed.connect('data.lakebed')\n"
        "except ImportError as problem:\n"
        "    print(problem)\n"
    )
    done = python("-c", code)
    assert done.stdout.splitlines() == [
        "A report of a store needs the package pydantic, which is not installed: pip install pydantic.",
        "SQL needs the package duckdb, which is not installed: pip install duckdb.",
    ], done.stderr
    done = python("-m", "lakebed", "--help")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "error: The command line needs the package click, which is not installed: pip install click.\n"
    )


def test_a_library_with_sql_needs_three_packages(environment):
    python = environment(*REPORTS, *SQL)
    code = (
        "import lakebed\n"
        "with lakebed.open('data.lakebed') as store:\n"
        "    store.append('events', [{'n': 1, 'seen': '2026-01-01T00:00:00Z'}])\n"
        "    print(store.stats().rows)\n"
        "print(lakebed.connect('data.lakebed').sql('SELECT n, seen FROM events').fetchall()[0][0])\n"
    )
    done = python("-c", code)
    assert (done.stdout, done.returncode) == ("1\n1\n", 0), done.stderr


def test_a_progress_bar_needs_rich(environment):
    python = environment(*REPORTS)
    code = (
        "import io, lakebed\n"
        "with lakebed.open('data.lakebed') as store:\n"
        "    try:\n"
        "        store.ingest(io.BytesIO(b'{}\\n'), into='events', progress=True)\n"
        "    except lakebed.PackageMissing as problem:\n"
        "        print(problem)\n"
        "    print(store.ingest(io.BytesIO(b'{}\\n'), into='events').rows)\n"
    )
    done = python("-c", code)
    assert done.stdout.splitlines() == [
        "A progress bar needs the package rich, which is not installed: pip install rich.",
        "1",
    ], done.stderr


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("pydantic", ["stats"]),
        ("duckdb", ["query", "SELECT 1"]),
        ("wcwidth", ["query", "SELECT 1"]),
        ("platformdirs", ["stats"]),
        ("jsonschema", ["prompt", "m", "x", "--schema", "schema.json"]),
        ("click", ["--help"]),
    ],
)
def test_a_command_names_the_package_that_it_needs(tmp_path, missing, arguments):
    with lakebed.open(tmp_path / "data.lakebed") as store:
        store.append("events", [{"n": 1}])
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    # DuckDB consists of two modules.
    code = (
        f"import sys; sys.modules[{missing!r}] = sys.modules['_{missing}'] = None; "
        "from lakebed._cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAKEBED")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr == (
        f"error: {PURPOSES[missing]} needs the package {missing}, which is not installed: pip install {missing}.\n"
    )


def test_the_shell_names_the_package_that_it_needs(monkeypatch):
    from lakebed._cli.messages.error_output import report_failure

    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    monkeypatch.delitem(sys.modules, "lakebed._cli.shell.line_editor", raising=False)
    with pytest.raises(ModuleNotFoundError) as raised:
        import lakebed._cli.shell.line_editor  # noqa: F401
    assert report_failure(raised.value) == 2


def test_every_package_is_a_dependency_and_on_the_page():
    with (ROOT / "pyproject.toml").open("rb") as file:
        required = {re.split(r"[<>=]", one)[0] for one in tomllib.load(file)["project"]["dependencies"]}
    # pyarrow is optional; without one of the three there is no backend in Python, which its own error says.
    named = {name.replace("_", "-") for name in PURPOSES} - {"pyarrow"}
    assert named | {"pytz", "blake3", "xxhash", "zstandard"} == required
    page = (ROOT / "docs/installing.md").read_text()
    assert {found[1] for found in re.finditer(r"^\| `([\w-]+)` \|", page, re.MULTILINE)} == required

"""Every example in the documentation runs, and prints what the page says.

A page's blocks run in order in a new directory with the sample as `packages.ndjson.zst` and, unless the page says `<!--
examples: from nothing -->`, a store `data.lakebed` with it. Blocks marked `python` share one namespace; the lines after
`$ ` in blocks marked `console` are run by bash. The expected output follows a command, or is a `text` block after a
`python` one; `...` matches anything. A block marked `no-run` does not run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lakebed

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs/sample/packages.ndjson.zst"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """(language, text, line) of each block that runs or is checked."""
    text = page.read_text()
    return [
        (found[1], found[3], text[: found.start()].count("\n") + 2)
        for found in BLOCK.finditer(text)
        if found[1] in {"python", "console", "text"} and "no-run" not in found[2]
    ]


def agrees(shown: str, printed: str) -> bool:
    pattern = ".*?".join(map(re.escape, tidy(shown).split("...")))
    return re.fullmatch(pattern, tidy(printed), re.DOTALL) is not None


def tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def commands(text: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs of a console block; a backslash continues a command."""
    found = re.split(r"^\$ ", text.replace("\\\n", ""), flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in found)]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prepared") / "data.lakebed"
    with lakebed.open(place) as store:
        store.ingest(SAMPLE, into="packages")
    return place


WITH_EXAMPLES = [page for page in PAGES if any(kind != "text" for kind, _, _ in blocks(page))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAKEBED_STORE", raising=False)
    shutil.copy(SAMPLE, "packages.ndjson.zst")
    if "<!-- examples: from nothing -->" not in page.read_text():
        shutil.copytree(prepared, "data.lakebed")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for kind, text, line in blocks(page):
        where = f"{page.relative_to(ROOT)}:{line}"
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * (line - 1) + text, page, "exec"), names)
            printed = out.getvalue()
        elif kind == "text":
            if printed:
                assert agrees(text, printed), f"{where} shows\n{text}\nbut this was printed:\n{printed}"
            printed = ""
        else:
            for command, shown in commands(text):
                # One stream, as on a terminal.
                done = subprocess.run(
                    ["bash", "-c", command],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                both = done.stdout
                assert done.returncode == 0, f"{where}: {command}\nfailed with {done.returncode}:\n{both}"
                if shown.strip():
                    assert agrees(shown, both), f"{where}: {command}\nshows\n{shown}\nbut this was printed:\n{both}"


def test_runner_notices_wrong_output() -> None:
    assert agrees("a ... c\n", "a b\nb c\n")
    assert not agrees("a\n", "a\nb\n")
    assert commands("$ one \\\n  two\nout\n$ three\n") == [("one   two", "out\n"), ("three", "")]

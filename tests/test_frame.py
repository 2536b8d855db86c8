"""What a clone promises before any code of its own runs: pins, versions, the sample, the pages, the demo."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import zstandard

import lakebed

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "bench").rglob("*.md"),
    *(ROOT / "tests").rglob("*.md"),
]


def test_one_version_everywhere() -> None:
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    rust = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert python == rust == lakebed.__version__
    assert f"## {python}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["requirements-dev", "bench/rivals/requirements"])
def test_locks_pin_what_is_asked_for_and_name_no_host(name: str) -> None:
    asked = re.findall(r"^([a-z][\w-]*)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
    lock = (ROOT / f"{name}.lock").read_text()
    pinned = set(re.findall(r"^([\w-]+)==\S+ ", lock, re.MULTILINE))
    assert asked
    assert set(asked) <= pinned
    assert "://" not in lock
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_rust_dependencies_are_free_to_use() -> None:
    """Every crate that ends in the wheel offers a licence that asks for no more than being named."""
    allowed = set(
        "MIT MIT-0 Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 ISC Unicode-3.0 Unlicense Zlib 0BSD".split()
    )
    # Crates for other systems are in the lock and in no wheel of ours.
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform=x86_64-unknown-linux-gnu"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for package in json.loads(found.stdout)["packages"]:
        # "A OR B" and the older "A/B": one allowed licence is enough. "A AND B": each part counts.
        parts = re.sub(r"[()]| WITH LLVM-exception", "", package["license"]).split(" AND ")
        for part in parts:
            assert allowed & set(re.split(r" OR | ?/ ?", part)), f"{package['name']}: {package['license']}"


def test_sample_is_what_its_page_says() -> None:
    packed = (ROOT / "docs/sample/packages.ndjson.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    page = (ROOT / "docs/sample/README.md").read_text()
    assert len(packed) < 2 << 20
    count = lines.count(b"\n")
    assert f"{count:,} records" in page
    assert hashlib.sha256(lines).hexdigest() in page


def test_readme_begins_with_the_two_commands() -> None:
    commands = re.findall(r"^ {4}(.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [command.split("#")[0].strip() for command in commands[:2]] == ["make demo", "make test"]


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path = target.split("#")[0]
            if "://" not in target and path and not (page.parent / path).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert not broken


def test_help_names_every_target_the_readme_uses() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = "demo test test-long lint format bench-rivals bench-asv bench-micro bench-instructions help"
    for target in targets.split():
        assert re.search(rf"make {target}\s+\w", shown), target


def test_demo_runs_and_runs_again(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}

    def demo() -> str:
        done = subprocess.run(
            [ROOT / "scripts/demo", tmp_path / "demo.lakebed"],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    first, second = demo(), demo()
    for shown in (first, second):
        assert "are equal, all 4229325 bytes" in shown
        assert "Type this next" in shown
    assert "before" in second
    with lakebed.open(tmp_path / "demo.lakebed", mode="r") as store:
        assert len(store) == 5306


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has bash and nothing else."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env"):
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return {"PATH": str(tools)}


def test_missing_tools_are_named_before_anything_is_built(bare: dict[str, str]) -> None:
    done = subprocess.run([ROOT / "scripts/check-tools"], env=bare, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    for tool in ("Python 3.11", "a Rust toolchain", "a C compiler"):
        assert f"lakebed needs {tool}" in done.stderr


def test_missing_rust_component_is_skipped_loudly(bare: dict[str, str]) -> None:
    done = subprocess.run(
        [ROOT / "scripts/rust-component", "clippy", "clippy"], env=bare, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "SKIPPED: cargo clippy" in done.stderr

"""The repository itself: versions, pins, licences, the sample, links between pages, make targets, the demo."""

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
def test_locks_pin_every_requirement_and_name_no_host(name: str) -> None:
    required = re.findall(r"^([a-z][\w-]*)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
    lock = (ROOT / f"{name}.lock").read_text()
    pinned = set(re.findall(r"^([\w-]+)==\S+ ", lock, re.MULTILINE))
    assert required
    assert set(required) <= pinned
    assert "://" not in lock
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_rust_dependencies_have_permissive_licences() -> None:
    """Every crate in the wheel offers a licence of deny.toml's list; cargo-deny checks the same, where it is
    installed."""
    allowed = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])
    # Cargo.lock also has crates for other systems, which no wheel contains.
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
    targets = (
        "demo test test-pure test-long test-msrv lint format doc audit coverage "
        "bench-rivals bench-asv bench-micro bench-instructions help"
    )
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
    """The environment of a machine with bash and nothing else."""
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


def test_missing_rust_component_is_a_failure_in_ci(bare: dict[str, str]) -> None:
    command = [str(ROOT / "scripts/rust-component"), "clippy", "clippy"]
    done = subprocess.run(command, env={**bare, "CI": "true"}, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "FAILED: cargo clippy" in done.stderr


@pytest.mark.parametrize(
    ("installed", "printed", "said"), [("1.95.0 stable", "", ""), ("stable", "stable\n", "Using Rust 1.2.3")]
)
def test_another_rust_is_used_where_the_pinned_one_is_not_installed(
    bare: dict[str, str], installed: str, printed: str, said: str
) -> None:
    tools = Path(bare["PATH"])
    for tool in ("sed", "grep", "cut", "dirname"):
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    names = "".join(f"echo {name}-x86_64-unknown-linux-gnu; " for name in installed.split())
    fakes = {
        "rustup": f"case $1 in toolchain) {names};; default) echo 'stable (default)' ;; esac",
        "rustc": "echo 'rustc 1.2.3 (abc 2026-01-01)'",
    }
    for name, text in fakes.items():
        (tools / name).write_text(f"#!{tools / 'bash'}\n{text}\n")
        (tools / name).chmod(0o755)
    done = subprocess.run([ROOT / "scripts/rust-toolchain"], env=bare, check=True, capture_output=True, text=True)
    assert done.stdout == printed
    assert said in done.stderr
    assert bool(done.stderr) == bool(said)


def test_long_prose_is_found_and_wrapped(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    long = "word " * 29 + "- 1"
    page.write_text(f"# Title\n\n{long}\n\n```\n{long}\n```\n\n- {long}\n\n| {long} |\n")
    command = [sys.executable, "-m", "scripts.prose", str(page)]
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert [line.split(":")[1] for line in found.stderr.splitlines()] == ["3", "9"]
    subprocess.run([*command, "--fix"], cwd=ROOT, check=True)
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    first, rest = ("word " * 24).strip(), "word " * 4 + "word - 1"
    assert page.read_text().split("\n")[2:4] == [first, rest]
    assert f"- {('word ' * 23).strip()}\n  word word" in page.read_text()


def test_long_comments_and_docstrings_are_wrapped(tmp_path: Path) -> None:
    long = "word " * 29
    python = tmp_path / "module.py"
    python.write_text(f'def f():\n    """First.\n\n    {long}\n    """\n    # {long}\n    return "{long}"\n')
    rust = tmp_path / "lib.rs"
    rust.write_text(f"//! {long}\n\n/// {long}\n/// ```\n/// {long}\n/// ```\nfn f() {{}}\n")
    subprocess.run([sys.executable, "-m", "scripts.prose", "--fix", python, rust], cwd=ROOT, check=True)
    assert [len(line) > 120 for line in python.read_text().splitlines()].count(True) == 1
    compile(python.read_text(), python, "exec")
    assert [line[:4] for line in rust.read_text().splitlines()[:5]] == ["//! ", "//! ", "", "/// ", "/// "]
    assert f"/// {long}\n/// ```\nfn" in rust.read_text()

"""The build backend (scripts/lakebed_build): pure wheels, source distributions, and when maturin is asked for."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from scripts import lakebed_build

ROOT = Path(__file__).parents[1]
HOOKS = """
import importlib, sys
sys.path.insert(0, "scripts")
build = importlib.import_module("lakebed_build")
print(build.get_requires_for_build_wheel(), build.get_requires_for_build_editable(), build.get_requires_for_build_sdist())
print(build.prepare_metadata_for_build_wheel(sys.argv[1]))
print(build.build_wheel(sys.argv[1], None, None))
"""


@pytest.fixture
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds have no Rust."""
    monkeypatch.setenv("LAKEBED_NO_RUST", "1")


def tracked(place: str) -> set[str]:
    """The files of this repository below a directory, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", place]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in found if (ROOT / name).exists()}


def test_maturin_is_asked_for_only_where_rust_is(monkeypatch, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert project == {"requires": [], "build-backend": "lakebed_build", "backend-path": ["scripts"]}
    (cargo := tmp_path / "cargo").write_text("#!/bin/sh\n")
    cargo.chmod(0o755)
    hooks = lakebed_build.get_requires_for_build_wheel, lakebed_build.get_requires_for_build_editable
    for path, without, needed in [
        (tmp_path, None, [lakebed_build.MATURIN]),
        (tmp_path, "", [lakebed_build.MATURIN]),
        (tmp_path, "0", [lakebed_build.MATURIN]),
        (tmp_path, "1", []),
        (tmp_path / "none", None, []),
        (tmp_path / "none", "0", []),
    ]:
        monkeypatch.setenv("PATH", str(path))
        if without is None:
            monkeypatch.delenv("LAKEBED_NO_RUST", raising=False)
        else:
            monkeypatch.setenv("LAKEBED_NO_RUST", without)
        assert [hook() for hook in hooks] == [needed, needed], (path, without)
        assert lakebed_build.get_requires_for_build_sdist() == []
    assert lakebed_build.MATURIN in (ROOT / "requirements-dev.in").read_text().split()


def test_the_metadata_is_maturins(pure, tmp_path):
    """Dependencies, commands, classifiers, licences, the page: byte for byte."""
    name = lakebed_build.prepare_metadata_for_build_wheel(str(tmp_path))
    ours = {str(file.relative_to(tmp_path / name)): file.read_bytes() for file in (tmp_path / name).rglob("*.*")}
    ours |= {str(file.relative_to(tmp_path / name)): file.read_bytes() for file in (tmp_path / name).rglob("*[A-Z]")}
    command = [sys.executable, "-m", "maturin", "pep517", "write-dist-info", "--interpreter", sys.executable]
    other = tmp_path / "maturin"
    other.mkdir()
    subprocess.run([*command, "--metadata-directory", other], cwd=ROOT, check=True, capture_output=True)
    theirs = {
        str(file.relative_to(other / name)): file.read_bytes() for file in (other / name).rglob("*") if file.is_file()
    }
    assert theirs.pop("WHEEL") != ours.pop("WHEEL")
    assert ours == theirs
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE-MIT"} <= ours.keys()


def test_a_pure_wheel_has_the_package_and_nothing_built(pure, tmp_path, capsys):
    name = lakebed_build.build_wheel(str(tmp_path))
    said = capsys.readouterr().err
    assert said.count("without its engine in Rust") == 1
    assert "LAKEBED_NO_RUST is set" in said
    assert "pip install --force-reinstall --no-cache-dir lakebed" in said
    with zipfile.ZipFile(tmp_path / name) as wheel:
        members = {member: wheel.read(member) for member in wheel.namelist()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert name == f"lakebed-{version}-py3-none-any.whl"
    info = f"lakebed-{version}.dist-info"
    package = {member for member in members if not member.startswith(info)}
    assert package == {file.removeprefix("pyshell/") for file in tracked("pyshell")}
    wheel_file = message_from_bytes(members[f"{info}/WHEEL"])
    assert (wheel_file["Root-Is-Purelib"], wheel_file["Tag"]) == ("true", "py3-none-any")
    recorded = {row[0]: row[1:] for row in csv.reader(members[f"{info}/RECORD"].decode().splitlines())}
    assert recorded.pop(f"{info}/RECORD") == ["", ""]
    for member, (digest, size) in recorded.items():
        data = members[member]
        assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert int(size) == len(data)
    assert recorded.keys() | {f"{info}/RECORD"} == members.keys()
    before = (tmp_path / name).read_bytes()
    lakebed_build.build_wheel(str(tmp_path))
    assert (tmp_path / name).read_bytes() == before


def test_an_editable_install_without_rust_leads_to_the_sources(pure, tmp_path):
    name = lakebed_build.build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert wheel.read("lakebed.pth").decode() == f"{ROOT / 'pyshell'}\n"
        assert not [member for member in wheel.namelist() if member.startswith("lakebed/")]


def test_a_source_distribution_builds_both_and_again(pure, tmp_path):
    """It is the same with and without Rust, and what is built from it is the same."""
    name = lakebed_build.build_sdist(str(tmp_path))
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / name.removesuffix(".tar.gz")
    files = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    needed = {file for file in tracked("engine") if not file.startswith("engine/fuzz/")} | tracked("pyshell")
    assert needed | tracked("scripts/lakebed_build") <= files
    assert {"Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md", "LICENSE-MIT", "PKG-INFO"} <= files
    assert not [file for file in files if file.endswith((".so", ".duckdb_extension", ".pyc"))]

    # With a path on which there is nothing: no cargo, no git.
    environment = {name: value for name, value in os.environ.items() if name != "LAKEBED_NO_RUST"}
    environment["PATH"] = str(tmp_path / "none")
    command = [sys.executable, "-c", HOOKS, str(tmp_path)]
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    requires, info, wheel = done.stdout.splitlines()
    assert requires == "[] [] []"
    assert (root / "PKG-INFO").read_bytes() == (tmp_path / info / "METADATA").read_bytes()
    assert "there is no Rust toolchain (cargo) on the path" in done.stderr
    built = (tmp_path / wheel).read_bytes()
    lakebed_build.build_wheel(str(tmp_path))
    assert (tmp_path / wheel).read_bytes() == built


def test_a_build_with_rust_that_fails_says_how_to_do_without(monkeypatch, tmp_path, capsys):
    (cargo := tmp_path / "cargo").write_text("#!/bin/sh\nexit 1\n")
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LAKEBED_NO_RUST", raising=False)
    with pytest.raises(SystemExit):
        lakebed_build.prepare_metadata_for_build_wheel(str(tmp_path))
    assert "LAKEBED_NO_RUST=1 installs lakebed without the engine" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "maturin", None)
    with pytest.raises(SystemExit, match="needs maturin, which is not installed: pip install 'maturin"):
        lakebed_build.build_wheel(str(tmp_path))

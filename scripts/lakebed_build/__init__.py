"""Builds lakebed's packages: the PEP 517 backend that pyproject.toml names. Standard library only.

With a Rust toolchain (`cargo` on the path) maturin builds the wheel, and the engine in Rust is in it. Without one, or
with `LAKEBED_NO_RUST=1`, the wheel is pure Python (`py3-none-any`), with the same metadata, and lakebed runs on
`lakebed.pure`; the build says so. maturin is asked for only where it is used, so that a build without Rust needs no
network. A source distribution is written here in either case, and is the same.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .archives import write_sdist, write_wheel
from .project import Project

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT: Final = Path(__file__).resolve().parents[2]
MATURIN: Final = "maturin>=1.16,<2"
WITHOUT: Final = "LAKEBED_NO_RUST"
"""The environment variable that asks for a pure wheel. Empty and `0` count as not set."""

Settings = Mapping[str, Any] | None


def with_rust() -> bool:
    """Whether the wheel gets the engine in Rust."""
    return os.environ.get(WITHOUT, "") in ("", "0") and shutil.which("cargo") is not None


def notice() -> str:
    """What a build without the engine says."""
    why = "there is no Rust toolchain (cargo) on the path" if shutil.which("cargo") is None else f"{WITHOUT} is set"
    return (
        f"lakebed is being installed without its engine in Rust, because {why}. It does the same in pure Python, several "
        f"times slower. To get the engine, install Rust (rustup, from rust-lang.org), unset {WITHOUT}, and run: "
        "pip install --force-reinstall --no-cache-dir lakebed, or the same with the path of the sources."
    )


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What must be installed for a build: maturin, where Rust is."""
    return [MATURIN] if with_rust() else []


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """The same."""
    return get_requires_for_build_wheel(config_settings)


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """Nothing."""
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the `.dist-info` directory of the wheel; returns its name."""
    if with_rust():
        return _maturin("prepare_metadata_for_build_wheel", metadata_directory, config_settings)
    project = Project(ROOT)
    for name, data in project.dist_info().items():
        file = Path(metadata_directory, project.dist_info_name, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return project.dist_info_name


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Settings = None) -> str:
    """The same, of an editable wheel."""
    return prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build the wheel; returns its file name."""
    if with_rust():
        return _maturin("build_wheel", wheel_directory, config_settings, metadata_directory)
    _say(notice())
    return write_wheel(Project(ROOT), Path(wheel_directory), editable=False)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel that leads to the sources; returns its file name."""
    if with_rust():
        return _maturin("build_editable", wheel_directory, config_settings, metadata_directory)
    _say(notice())
    return write_wheel(Project(ROOT), Path(wheel_directory), editable=True)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Write the source distribution, from which wheels of both kinds are built; returns its file name."""
    return write_sdist(Project(ROOT), Path(sdist_directory))


def _maturin(hook: str, *arguments: Any) -> str:
    """Calls maturin's hook of this name."""
    try:
        maturin = importlib.import_module("maturin")
    except ModuleNotFoundError:
        raise SystemExit(
            f"Building lakebed's engine needs maturin, which is not installed: pip install '{MATURIN}'. "
            f"{WITHOUT}=1 builds lakebed without the engine, in pure Python."
        ) from None
    build: Callable[..., str] = getattr(maturin, hook)
    try:
        return build(*arguments)
    except SystemExit:
        print(
            f"Building lakebed's engine failed; what is above says why. {WITHOUT}=1 installs lakebed without the engine, "
            "in pure Python.",
            file=sys.stderr,
            flush=True,
        )
        raise


def _say(text: str) -> None:
    """Prints to standard error. pip and uv show that only when asked; so where it is no terminal, the terminal that the
    build was started from, if any, is told."""
    print(text, file=sys.stderr, flush=True)
    if sys.stderr.isatty() or not hasattr(signal, "SIGTTOU"):
        return
    # A job in the background may be stopped for writing to its terminal, and must not be.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError):
            terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            with os.fdopen(terminal, "w") as stream:
                stream.write(f"\n{text}\n")
    finally:
        signal.signal(signal.SIGTTOU, before)

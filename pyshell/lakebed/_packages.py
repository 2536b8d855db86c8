"""Third-party packages that parts of lakebed need: one sentence when such a package is not installed.

`import lakebed`, `put` and `get` need none of them. Everything else is imported when it is first used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lakebed.errors import PackageMissing

__all__ = ["PURPOSES", "missing_package", "required"]

PURPOSES = {
    "click": "The command line",
    "duckdb": "SQL",
    "httpx": "The Python client for Ollama",
    "jsonschema": "A JSON schema for replies",
    "platformdirs": "Finding your settings and history",
    "prompt_toolkit": "The shell",
    "pyarrow": "An Arrow file without lakebed's engine",
    "pydantic": "A report of a store",
    "rich": "A progress bar",
    "wcwidth": "A table on a terminal",
}
"""What needs each package, by the name that it is imported under."""


def missing_package(problem: ModuleNotFoundError) -> PackageMissing | None:
    """The error that names the package and what needs it; None when another module is missing."""
    name = problem.name
    # importlib.metadata has a subclass of the exception, for packages without metadata.
    if type(problem) is not ModuleNotFoundError or name not in PURPOSES:
        return None
    package = name.replace("_", "-")
    return PackageMissing(
        f"{PURPOSES[name]} needs the package {package}, which is not installed: pip install {package}."
    )


@contextlib.contextmanager
def required() -> Iterator[None]:
    """For the import of a third-party package: raises `PackageMissing` when it is not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise missing_package(problem) or problem from None

"""Third-party packages that a part of lakebed needs: one sentence when one of them is not installed.

`import lakebed` and bytes in and out need none of them. Everything else is imported when it is first used.
"""

from __future__ import annotations

from lakebed.errors import PackageMissing

__all__ = ["PURPOSES", "missing_package"]

PURPOSES = {
    "click": "The command line",
    "duckdb": "SQL",
    "httpx": "The Python client for Ollama",
    "jsonschema": "A JSON schema for replies",
    "platformdirs": "Finding your settings and history",
    "prompt_toolkit": "The shell",
    "pydantic": "A report of a store",
    "wcwidth": "A table on a terminal",
}
"""What needs each package, by the name it is imported under."""


def missing_package(problem: ModuleNotFoundError) -> PackageMissing | None:
    """The error that says what needs the package that was not found; None when the module is not one of these
    packages."""
    name = (problem.name or "").partition(".")[0]
    if name not in PURPOSES:
        return None
    package = name.replace("_", "-")
    return PackageMissing(
        f"{PURPOSES[name]} needs the package {package}, which is not installed: pip install {package}."
    )

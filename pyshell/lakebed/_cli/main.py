"""The entry point of the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command of `arguments` (default: those of the process); the exit code."""
    try:
        from lakebed._cli import program
    except ModuleNotFoundError as problem:
        from lakebed._packages import missing_package

        if (missing := missing_package(problem)) is None:
            raise
        sys.stderr.write(f"error: {missing}\n")
        return missing.exit_code
    return program.main(arguments)


if __name__ == "__main__":
    sys.exit(main())

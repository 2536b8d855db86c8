"""Errors of the operating system about a user's files, as lakebed's own errors."""

from __future__ import annotations

from lakebed.errors import error


def unreadable(path: str, problem: OSError) -> BaseException:
    """The error for a file that cannot be read."""
    return error("io", f"{path} cannot be read: {problem.strerror or problem}.", problem.errno)


def unwritable(path: str, problem: OSError) -> BaseException:
    """The error for a file that cannot be written."""
    return error("io", f"{path} cannot be written: {problem.strerror or problem}.", problem.errno)

"""What an ingest says: what is kept when it stops, bad lines, inputs that cannot be read."""

from __future__ import annotations

import os

from lakebed.errors import BadRecord, Interrupted, InvalidArgument, SourceChanged, error

__all__ = ["bad_line", "cannot_open", "cannot_read", "changed", "interrupted", "kept"]

_WORDS = (b"-Infinity", b"Infinity", b"NaN")


def kept(committed_lines: int, *, is_stream: bool) -> str:
    """What is kept, for the end of a sentence about what stopped an ingest."""
    if committed_lines == 0:
        return "nothing of it was kept"
    if is_stream:
        return (
            f"its lines up to {committed_lines} are kept: give the same input again with `resume`, which goes on after them, or "
            "they are stored a second time"
        )
    return f"its lines up to {committed_lines} are kept, and the next ingest of it goes on after them"


def bad_line(file: str, number: int, column: int, reason: str, text: bytes, kept: str) -> BadRecord:
    """The error for a bad line; `text` is the line."""
    at = max(column - 1, 0)
    if text[at:].startswith(_WORDS) or text[max(at - 1, 0) :].startswith(_WORDS):
        advice = (
            "have such numbers stored as null or as text (`nan` null or `nan` string), or have bad lines left out (`on_error` skip) "
            "or kept aside (`on_error` quarantine)"
        )
    else:
        advice = "correct the line, or have bad lines left out (`on_error` skip) or kept aside (`on_error` quarantine)"
    return BadRecord(f"{file}, line {number}, column {column}: {reason}; {kept}; {advice}.")


def interrupted(file: str, kept: str) -> Interrupted:
    """The error of an ingest that was asked to stop."""
    return Interrupted(f"The ingest of {file} was interrupted; {kept}.")


def changed(name: str, what: str) -> SourceChanged:
    """The error of an input that is not what was ingested before."""
    return SourceChanged(
        f"{name} is not what was ingested before: {what}; `again` ingests all of it as new rows, under another name they can be "
        "told from the old ones."
    )


def cannot_open(name: str, cause: OSError) -> BaseException:
    """The error of a file that cannot be opened."""
    missing = isinstance(cause, FileNotFoundError)
    why = "there is no such file" if missing else _reason(cause)
    return error("io", f"{name} cannot be read: {why}.", cause.errno)


def cannot_read(name: str, cause: OSError) -> BaseException:
    """The error of a file whose reading failed."""
    return error("io", f"Reading {name} failed: {_reason(cause)}.", cause.errno)


def _reason(cause: OSError) -> str:
    return os.strerror(cause.errno) if cause.errno else str(cause)


def compressed_follow(name: str) -> InvalidArgument:
    """The error for a compressed file that is to be followed."""
    return InvalidArgument(
        f"{name} is compressed, and what is appended to it cannot be followed; ingest it without `follow`."
    )

"""`Store.ingest`: each input, one after the other."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lakebed import _progress
from lakebed._inputs import Made, Source, default_collection, expanded, inputs, is_address, name_of, utf8_name
from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from lakebed import models
    from lakebed._backend import StoreEngine
    from lakebed._inputs import Input, Named
    from lakebed._progress import ProgressLike

__all__ = ["Nan", "OnError", "ingest"]

OnError: TypeAlias = Literal["abort", "skip", "quarantine"]
Nan: TypeAlias = Literal["null", "string"]


def ingest(
    engine: StoreEngine,
    source: Source | Iterable[Source],
    into: str | None,
    *,
    on_error: OnError,
    nan: Nan | None,
    again: bool,
    resume: bool,
    recursive: bool,
    follow: bool,
    dry_run: bool,
    train: bool,
    progress: ProgressLike,
    call: Callable[..., dict[str, Any]],
    prepare: Callable[[Input, str], int],
    noted: Callable[[str, int], dict[str, Any]],
) -> models.IngestReport:
    """See `Store.ingest`.

    `call` calls the engine; `prepare` is called before each input and returns the sequence number of the first new row,
    from which on `noted` then describes the rows.
    """
    from lakebed import models

    files = list(expanded(source, recursive=recursive))
    if not files:
        raise InvalidArgument("There is nothing to ingest: the list of files is empty.")
    if follow and (len(files) != 1 or not _can_be_followed(files[0])):
        raise InvalidArgument(
            "Only one plain file can be followed: give its path alone, and follow each further file in a program of its own (they "
            "take turns). Standard input is read as it comes, without following."
        )
    if into is None:
        is_directory = isinstance(source, str | os.PathLike) and Path(source).is_dir()
        into = default_collection(source if is_directory or len(files) > 1 else files[0])
    reports: list[models.IngestReport] = []
    planned: list[str] = []
    for item in [files[0]] if follow else (one for file in files for one in inputs(file)):
        name = utf8_name(item.name if isinstance(item, Made) else name_of(item))
        first = prepare(item, into)
        try:
            with _progress.reporting(progress, name.rpartition("/")[2] or name) as report:
                done = call(
                    engine.ingest,
                    item,
                    into=into,
                    name=name,
                    original=item.original if isinstance(item, Made) else None,
                    on_error=on_error,
                    nan=nan,
                    again=again,
                    resume=resume,
                    follow=follow,
                    dry_run=dry_run,
                    train=train,
                    progress=report,
                )
        finally:
            if isinstance(item, Made):
                item.close()
        if done["rows"] and not dry_run:
            done |= noted(into, first)
        if dry_run and not again:
            done |= _as_after(item, done["skipped"], planned)
        reports.append(models.IngestReport(**done))
    if not reports:
        raise InvalidArgument("There is nothing to ingest: the archive has no members.")
    return reports[0] if len(reports) == 1 else models.total(reports)


def _can_be_followed(file: Named) -> bool:
    return isinstance(file, str) and not is_address(file)


def _as_after(item: Input, skipped: bool, planned: list[str]) -> dict[str, object]:
    """What the report of a dry run says otherwise because an equal file would have been ingested by then."""
    path = item.original if isinstance(item, Made) else item
    if skipped or not isinstance(path, str) or not Path(path).is_file():
        return {}
    size = Path(path).stat().st_size
    for earlier in planned:
        if Path(earlier).stat().st_size == size and filecmp.cmp(earlier, path, shallow=False):
            return {
                "skipped": True,
                "same_as": earlier,
                "rows": 0,
                "lines": 0,
                "bytes_in": 0,
                "bad_lines": 0,
                "first_bad": (),
            }
    planned.append(path)
    return {}

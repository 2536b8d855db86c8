"""Upkeep of the store-wide runs."""

from __future__ import annotations

import contextlib

from lakebed.errors import LakebedError
from lakebed.pure.files import OLD_RUN_SUFFIXES, RUN_SUFFIX, numbered, run_name
from lakebed.pure.format.coding import Malformed
from lakebed.pure.runs import counting_runs, write_run
from lakebed.pure.state import State

__all__ = ["keep_runs"]

_MOST_WITHOUT = 8
"""Sealed segments that may be in no run."""
_MOST_RUNS = 4


def keep_runs(state: State) -> None:
    """Make a run when more than 8 sealed segments are in none, merge runs when there are more than 4, and remove those
    that do not count. Runs can be made again at any time: what fails is left for the next writer."""
    context, sealed = state.context, state.sealed
    with contextlib.suppress(OSError, Malformed, LakebedError):
        runs = counting_runs(context, sealed)
        counting = {run.head.number for run, _ in runs}
        covered = {number for _, numbers in runs for number in numbers}
        without = [one for one in sealed if one.number not in covered]
        if len(without) > _MOST_WITHOUT:
            # Neighbours alone make a run: from the first one without to the last, and what lies between.
            first, last = sealed.index(without[0]), sealed.index(without[-1])
            if len(runs) + 1 > _MOST_RUNS or any(one.number in covered for one in sealed[first : last + 1]):
                first, last = 0, len(sealed) - 1
            chosen = sealed[first : last + 1]
            counting.add(write_run(context, [(one, state.rows_segment(one)) for one in chosen]))
            inside = {one.number for one in chosen}
            counting -= {run.head.number for run, numbers in runs if inside.issuperset(numbers)}
        names = context.directory.names("index")
        for number in numbered(names, 12, RUN_SUFFIX):
            if number not in counting:
                context.directory.unlink(run_name(number))
        for suffix in OLD_RUN_SUFFIXES:
            for number in numbered(names, 12, suffix):
                context.directory.unlink(f"index/{number:012}{suffix}")

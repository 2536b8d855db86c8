"""`python -m bench.rivals` measures, stores the results and writes pages and plots; README.md describes the method."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench import records
from bench.rivals import engines, pages, plan

# The first three are the same measurements over other records.
SUBJECTS = {
    "records": "your records: --data or $LAKEBED_BENCH_DATA",
    "events": "generated events, nested, 1 KB each",
    "small": "generated log rows of 80 bytes",
    "jsonbench": "generated documents of JSONBench's shape, and its five questions",
    "segments": "gets from a store of one segment and of many",
    "opening": "time and memory of opening a store",
    "rate": "ingest of small rows while the store grows",
    "duplicates": "files most of whose lines are in the store already",
    "x8": "eight changed copies of your records; only when named",
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.rivals", description=__doc__)
    parser.add_argument("--data", type=Path, help="NDJSON, plain or .zst (default: $LAKEBED_BENCH_DATA)")
    parser.add_argument(
        "--engines", nargs="+", choices=list(engines.TITLES), metavar="NAME", help=f"of {', '.join(engines.TITLES)}"
    )
    parser.add_argument(
        "--subjects", nargs="+", choices=list(SUBJECTS), metavar="NAME", help=f"of {', '.join(SUBJECTS)} (all but x8)"
    )
    parser.add_argument("--rounds", type=int, help="measurements of each figure (default 3); the median counts")
    parser.add_argument("--short", action="store_true", help="one round of smaller sizes, a few minutes")
    parser.add_argument("--under", default="", help="a command to run each measurement with, such as 'chrt -r 10'")
    parser.add_argument("--work", type=Path, help="directory for the stores (default: a temporary one)")
    parser.add_argument("--root", type=Path, default=Path(), help="clone whose results, pages and plots are written")
    parser.add_argument(
        "--pages-only", action="store_true", help="measure nothing; write pages and plots from the stored results"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="tiny sizes, nothing stored: checks that every measurement works"
    )
    return parser.parse_args()


def measure(bench: plan.Bench, subject: str, given: Path | None) -> str:
    """Measures one subject; returns a description of its records."""
    if subject in ("records", "x8"):
        if given is None:
            raise SystemExit(f"The subject {subject} needs your records: give --data or set $LAKEBED_BENCH_DATA.")
        lines = records.read(given)
        bench.records(records.write(bench.work / "source.ndjson", records.eight(lines) if subject == "x8" else lines))
        return given.name if subject == "records" else f"eight changed copies of {given.name}"
    if subject == "small":
        bench.records(records.write(bench.work / "source.ndjson", records.small(bench.sizes.small)))
        return "generated log rows"
    if subject == "jsonbench":
        bench.documents(records.write(bench.work / "source.ndjson", records.documents(bench.sizes.documents)))
        return "generated documents"
    if subject == "opening":
        bench.opening()
        return "generated log rows"
    if subject == "rate":
        bench.rate()
        return "generated log rows"
    if subject == "events" or given is None:
        lines, description = records.events(bench.sizes.events), "generated events"
    else:
        lines, description = records.read(given), given.name
    source = records.write(bench.work / "source.ndjson", lines)
    {"events": bench.records, "segments": bench.segments, "duplicates": bench.duplicates}[subject](source)
    return description


def main() -> int:
    """The command; the exit code is 1 if a measurement failed."""
    args = arguments()
    if args.pages_only:
        pages.write(args.root)
        return 0
    chosen = args.engines or list(engines.TITLES)
    for name in chosen:
        if needs := engines.missing(name):
            print(
                f"SKIPPED {engines.TITLES[name]}: not installed: {', '.join(needs)}. `make bench-rivals` installs all.",
                file=sys.stderr,
            )
    present = [name for name in chosen if not engines.missing(name)]
    sizes = plan.SMOKE if args.smoke else plan.SHORT if args.short else plan.Sizes()
    if args.rounds:
        sizes = replace(sizes, rounds=args.rounds)
    given = args.data or (Path(os.environ["LAKEBED_BENCH_DATA"]) if os.environ.get("LAKEBED_BENCH_DATA") else None)
    subjects = args.subjects or [name for name in SUBJECTS if name != "x8"]
    if args.smoke:
        # Tiny rows take the same code path as events.
        given, subjects = None, [name for name in subjects if name != "small"]
    if given is None and not args.subjects:
        subjects.remove("records")
        if not args.smoke:
            print("SKIPPED records: no --data, no $LAKEBED_BENCH_DATA. Generated events are measured.", file=sys.stderr)

    failed, made = [], 0
    for subject in subjects:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lakebed-rivals-", dir=args.work) as work:
            bench = plan.Bench(present, sizes, Path(work), shlex.split(args.under))
            description = measure(bench, subject, given)
        for table, found in bench.results.items():
            made += len(found)
            failed += [f"{subject}, {table}, {name}: {f['error']}" for name, f in found.items() if "error" in f]
        if not args.smoke:
            pages.keep(args.root, subject, description, sizes.rounds, bench.results, merge=bool(args.engines))
            pages.write(args.root)
            print(f"== {subject}: {time.monotonic() - start:.0f} s, stored", file=sys.stderr, flush=True)
    for line in failed:
        print(f"FAILED {line}", file=sys.stderr)
    if args.smoke:
        print(f"Smoke run of the benchmarks: {made - len(failed)} measurements made, {len(failed)} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

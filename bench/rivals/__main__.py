"""`python -m bench.rivals`: measure, print a page of Markdown, keep it and the raw figures. README.md describes the method."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.rivals import data, engines, plan, report

SUBJECTS = ("records", "segments", "opening", "rate", "duplicates")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rivals", description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="NDJSON, plain or .zst (default: $LAKEBED_BENCH_DATA, else generated events)"
    )
    parser.add_argument("--x8", action="store_true", help="also eight changed copies of the records")
    parser.add_argument(
        "--engines", nargs="+", choices=list(engines.TITLES), metavar="NAME", help=f"of {', '.join(engines.TITLES)}"
    )
    parser.add_argument(
        "--subjects", nargs="+", choices=SUBJECTS, default=SUBJECTS, metavar="NAME", help=f"of {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--rounds", type=int, help="how often each is measured (default 5); the median counts")
    parser.add_argument("--out", type=Path, default=Path("build/rivals"), help="where results.md and results.json go")
    parser.add_argument("--work", type=Path, help="where stores are made (default: a temporary directory)")
    parser.add_argument(
        "--smoke", action="store_true", help="tiny sizes, no results kept: only shows that everything runs"
    )
    return parser.parse_args()


def main() -> int:
    args = arguments()
    chosen = args.engines or (["lakebed", "sqlite"] if args.smoke else engines.available())
    missing = [name for name in chosen if name not in engines.available()]
    if missing:
        print(f"Not installed: {', '.join(missing)}. `make bench-rivals` installs what is needed.", file=sys.stderr)
        return 2
    sizes = plan.SMOKE if args.smoke else plan.Sizes()
    if args.rounds:
        sizes = replace(sizes, rounds=args.rounds)
    given = args.data or (Path(os.environ["LAKEBED_BENCH_DATA"]) if os.environ.get("LAKEBED_BENCH_DATA") else None)

    with tempfile.TemporaryDirectory(prefix="lakebed-rivals-", dir=args.work) as work:
        bench = plan.Bench(chosen, sizes, Path(work))
        lines = data.events(300) if args.smoke else data.read(given) if given else data.events(100_000)
        source = data.write(bench.work / "source.ndjson", lines)
        has = "lakebed" in chosen
        if "records" in args.subjects:
            bench.records(source)
            if args.x8:
                bench.records(data.write(bench.work / "eight.ndjson", data.eight(data.read(source))), "x8: ")
        if "segments" in args.subjects and has:
            bench.segments(source)
        if "opening" in args.subjects:
            bench.opening()
        if "rate" in args.subjects and has:
            bench.rate()
        if "duplicates" in args.subjects and has:
            bench.duplicates(source)

    failed = [
        f"{subject}, {name}: {f['error']}"
        for subject, found in bench.results.items()
        for name, f in found.items()
        if "error" in f
    ]
    if args.smoke:
        for line in failed:
            print(line, file=sys.stderr)
        done = sum(map(len, bench.results.values())) - len(failed)
        print(f"Smoke run of the benchmarks: {done} measurements made, {len(failed)} failed.")
        return 1 if failed else 0
    page = report.markdown(report.machine(), given.name if given else "generated events", bench.results)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.md").write_text(page)
    (args.out / "results.json").write_text(
        json.dumps({"machine": report.machine(), "results": bench.results}, indent=1) + "\n"
    )
    print(page)
    print(f"Kept in {args.out}/results.md and results.json.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

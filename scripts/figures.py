"""What the tests tried and lost, in one table: `python -m scripts.figures FILE`. The file has lines of JSON that the
tests add when the variable LAKEBED_FIGURES names it (`lakebed_testkit::Tally`, `figures` in tests/long/crash_lib.py,
tests/long/fuzz.sh). `--write` puts the table into docs/durability.md.

Ends with 1 when a test failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/durability.md"
BEGIN, END = "<!-- trust: begin -->\n", "<!-- trust: end -->\n"

COUNTED = {
    "faults": "faults injected: calls that fail or do less than asked",
    "images": "crash images: states of a disk after a power failure",
    "stops": "kills at an operation, on storage in memory",
    "kills": "kills of the installed program",
    "flips": "bits flipped, each in a whole store",
    "files": "files cut, lengthened, missing, exchanged",
    "forged": "forged stores with right checksums, gone through",
    "orders": "orders of the operations of several store objects",
    "fuzz": "fuzz executions",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.figures", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/durability.md")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.file.read_text().splitlines()]
    table = totals(lines)
    print(table, end="")
    failed = sorted({line["test"] for line in lines if line.get("failed")})
    for test in failed:
        print(f"FAILED: {test}")
    if arguments.write:
        write(f"{about()}\n\n{table}\n{each(lines)}")
    return 1 if failed else 0


def totals(lines: list[dict[str, object]]) -> str:
    """The table of all tests together."""
    rows = [(name, total(lines, key)) for key, name in COUNTED.items()]
    seconds = sum(float(str(line["seconds"])) for line in lines)
    failed = sum(bool(line.get("failed")) for line in lines)
    text = "| tried | |\n|---|--:|\n"
    text += "".join(f"| {name} | {count:,} |\n" for name, count in rows)
    text += f"| seconds, of all tests | {seconds:,.0f} |\n"
    return text + f"| losses, and other failures | {f'**{failed} tests**' if failed else 'none'} |\n"


def each(lines: list[dict[str, object]]) -> str:
    """The table of each test."""
    text = "| test | seconds | tried |\n|---|--:|---|\n"
    tests: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        tests.setdefault(str(line["test"]), []).append(line)
    for test, of_it in tests.items():
        seconds = sum(float(str(line["seconds"])) for line in of_it)
        tried = ", ".join(f"{total(of_it, key):,} {key}" for key in COUNTED if total(of_it, key))
        text += f"| {test} | {seconds:,.0f} | {tried} |\n"
    return text


def total(lines: list[dict[str, object]], key: str) -> int:
    return sum(int(str(line.get(key, 0))) for line in lines)


def about() -> str:
    """When, and of which commit."""
    commit = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return f"Of {today:%d %B %Y}, commit {commit.stdout.decode().strip()}:"


def write(text: str) -> None:
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())

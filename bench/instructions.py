"""Counts the instructions of the engine's main kernels under callgrind, in two commits. Other load on the machine does
not matter.

    python -m bench.instructions BASE [NEW] [--kernels decode get] [--records 1000]

BASE and NEW are commits; without NEW it is this working tree. Both are built with the kernels of this working tree
(engine/core/examples/kernels.rs), or, where these do not compile, with the commit's own; with the release profile, in
build/instructions. A kernel runs in two processes, for one round and for three: the difference is two rounds without
their preparation.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import records

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build/instructions"
KERNELS = Path("engine/core/examples/kernels.rs")
ROUNDS = (1, 3)


def git(*arguments: str) -> str:
    """The output of a git command."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build(commit: str | None) -> Path:
    """Builds the kernels with the engine of a commit, or of this working tree; returns the program."""
    tree = ROOT
    name = "working-tree"
    if commit:
        name = git("rev-parse", "--short=12", f"{commit}^{{commit}}")
        tree = PLACE / "tree"
        remove(tree)
        git("worktree", "add", "--quiet", "--detach", "--force", str(tree), name)
    try:
        target = PLACE / "target"
        command = "cargo build --locked --quiet --profile release --package lakebed-core --example kernels".split()
        command += ["--target-dir", str(target)]
        print(f"Building the kernels of {name} ...", file=sys.stderr)
        built = False
        if tree != ROOT:
            own = (tree / KERNELS).read_text()
            shutil.copyfile(ROOT / KERNELS, tree / KERNELS)
            built = subprocess.run(command, cwd=tree, check=False, stderr=subprocess.DEVNULL).returncode == 0
            if not built:
                print(f"{name} has another interface: its own kernels are built instead.", file=sys.stderr)
                (tree / KERNELS).write_text(own)
        if not built:
            subprocess.run(command, cwd=tree, check=True)
        program = PLACE / f"kernels-{name}"
        shutil.copy2(target / "release/examples/kernels", program)
    finally:
        if tree != ROOT:
            remove(tree)
    return program


def remove(tree: Path) -> None:
    """Removes a git worktree, also one that an interrupted run left."""
    shutil.rmtree(tree, ignore_errors=True)
    git("worktree", "prune")


def count(program: Path, kernel: str, rounds: int, records: Path) -> tuple[int, int]:
    """Instructions of a run, in all threads; and the units of work of one round."""
    out = PLACE / f"callgrind.{os.getpid()}.{program.name}.{kernel}.{rounds}"
    command = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={out}",
        str(program),
        kernel,
        str(rounds),
        str(records),
    ]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found:
            raise SystemExit(f"{kernel} of {program.name} failed: {done.stderr[-2000:]}")
        return int(found[1]), int(done.stdout)
    finally:
        out.unlink(missing_ok=True)


def measure(program: Path, kernel: str, records: Path) -> float:
    """Instructions for each unit of the kernel."""
    (few, units), (many, _) = (count(program, kernel, rounds, records) for rounds in ROUNDS)
    return (many - few) / (ROUNDS[1] - ROUNDS[0]) / units


def main() -> None:
    """Builds both programs, counts and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("new", nargs="?")
    parser.add_argument("--kernels", nargs="+", help="only these")
    parser.add_argument(
        "--records", type=int, default=1000, help="records of about 1 KB, unless LAKEBED_BENCH_DATA names a file"
    )
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        raise SystemExit(
            "valgrind is not installed, and nothing was measured. On Debian and Ubuntu: apt install valgrind"
        )
    PLACE.mkdir(parents=True, exist_ok=True)
    named = os.environ.get("LAKEBED_BENCH_DATA")
    given = records.read(Path(named)) if named else records.events(options.records)
    file = records.write(PLACE / "records.ndjson", itertools.islice(given, options.records))
    programs = [build(options.base), build(options.new)]
    listed = subprocess.run([programs[1]], check=True, stdout=subprocess.PIPE, text=True).stdout
    units = dict(line.split() for line in listed.splitlines())
    if unknown := set(options.kernels or units) - set(units):
        raise SystemExit(f"Unknown kernels: {', '.join(sorted(unknown))}. Known ones: {', '.join(units)}.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        print(
            f"{'instructions of':14} {'for each':8} {options.base[:12]:>14} {(options.new or 'working tree')[:12]:>14}  new/base"
        )
        waiting = {
            kernel: [pool.submit(measure, program, kernel, file) for program in programs]
            for kernel in options.kernels or units
        }
        for kernel, (base, new) in waiting.items():
            print(
                f"{kernel:15} {units[kernel]:8} {base.result():14,.2f} {new.result():14,.2f} {new.result() / base.result():9.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Runs asv so that it writes only below .asv in this clone; and each benchmark once, for the tests.

python -m bench.history ...       the same as `asv ...`
python -m bench.history smoke     every benchmark once, tiny, with this Python and its lakebed; fails if one fails
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from asv.machine import MachineCollection
from asv.main import main
from asv.util import load_json

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "asv.conf.json"
PLACE = ROOT / ".asv"
COMMAND = [sys.executable, "-m", "bench.history"]


def run(arguments: list[str]) -> int:
    """Runs asv, which finds its description of the machine below .asv; returns the exit code."""
    machine = PLACE / "machine.json"
    PLACE.mkdir(exist_ok=True)
    MachineCollection.get_machine_file_path = staticmethod(lambda: str(machine))
    if not machine.exists() and "machine" not in arguments:
        subprocess.run([*COMMAND, "machine", "--yes"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    sys.argv = ["asv", *([] if "--config" in arguments else ["--config", str(CONFIGURATION)]), *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def smoke() -> int:
    """`asv check`, and one quick round without stored results. Prints what failed; returns the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        settings = load_json(CONFIGURATION, js_comments=True)
        settings |= {name: str(place / name) for name in ("env_dir", "results_dir", "html_dir")}
        settings |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / settings["benchmark_dir"])}
        (place / "asv.conf.json").write_text(json.dumps(settings))
        os.environ["LAKEBED_BENCH_SMOKE"] = "1"
        os.environ.pop("LAKEBED_BENCH_DATA", None)
        command = [*COMMAND, "--config", str(place / "asv.conf.json")]
        here = ["--environment", f"existing:{sys.executable}"]
        for step in (["check", *here], ["run", *here, "--quick", "--show-stderr", "--dry-run"]):
            done = subprocess.run([*command, *step], cwd=ROOT, check=False, capture_output=True, text=True)
            print(done.stdout, done.stderr, sep="", flush=True)
            if done.returncode or "failed" in done.stdout:
                print("A benchmark of bench/asv failed.", file=sys.stderr)
                return done.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(smoke() if sys.argv[1:] == ["smoke"] else run(sys.argv[1:]))

"""Builds the release wheel of the current source tree: `python bench/wheel.py DIRECTORY`. asv.conf.json runs it for
each commit.

All commits share one target directory, .asv/target in this clone, so that cargo compiles only what a commit changed.
"""

import os
import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / ".asv/target"
SUFFIX = "dylib" if sys.platform == "darwin" else "so"

os.environ["CARGO_TARGET_DIR"] = str(TARGET)
os.environ["LAKEBED_DUCKDB_LIBRARY"] = str(TARGET / f"release/liblakebed_duckdb.{SUFFIX}")
subprocess.run("cargo build --locked --quiet --package lakebed-duckdb --profile release".split(), check=True)
maturin = [sys.executable, "-m", "maturin", "build", "--locked", "--quiet", "--profile", "release"]
subprocess.run([*maturin, "--interpreter", sys.executable, "--out", sys.argv[1]], check=True)

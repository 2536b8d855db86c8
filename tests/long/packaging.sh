#!/usr/bin/env bash
# The ways to install: `pip install .`, `pip install -e .`, a wheel away from the sources, and a source distribution.
# Each in a new virtual environment, from a copy of this clone's files; each must give the command, the engine and the
# DuckDB extension. Builds with Cargo's dev profile (PROFILE=release for the one that users get) in this clone's target
# directory. About ten minutes the first time, four after that.
set -euo pipefail
cd "$(dirname "$0")/../.."
unset CONDA_PREFIX PYTHONHOME PYTHONPATH VIRTUAL_ENV LAKEBED_DUCKDB_LIBRARY
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target} MATURIN_PEP517_ARGS="--locked --profile ${PROFILE:-dev}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 LAKEBED_CONFIG=/nonexistent
sample=$PWD/docs/sample/packages.ndjson.zst
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A fixed place, so that Cargo can reuse its builds.
source=$CARGO_TARGET_DIR/packaging
rm -rf "$source"
mkdir -p "$source" "$scratch/dist"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --preserve=timestamps -t "$source"

# try NAME PIP-ARGUMENT...: installs into a new environment and uses what is there.
try() {
    local name=$1 began=$SECONDS
    shift
    echo "-- $name"
    python3 -m venv "$scratch/$name"
    "$scratch/$name/bin/pip" install "$@"
    mkdir "$scratch/$name/elsewhere"
    (
        cd "$scratch/$name/elsewhere"
        ../bin/lakebed --version
        [[ $(../bin/lakebed ingest "$sample" --json | grep -o '"rows":[0-9]*') == '"rows":5306' ]]
        [[ $(../bin/lakebed query 'SELECT count(*) AS n, count(DISTINCT Section) AS s FROM packages') == '{"n":5306,"s":58}' ]]
        ../bin/python - <<'PYTHON'
import duckdb, lakebed
assert lakebed.backend() == "rust", lakebed.backend()
assert lakebed.extension_path().is_file()
con = duckdb.connect(config={"allow_unsigned_extensions": True})
con.execute(f"LOAD '{lakebed.extension_path()}'")
found = con.execute("SELECT count(*) FROM lakebed_scan('data.lakebed', 'packages') WHERE Section = 'games'").fetchone()
assert found == (98,), found
print(lakebed.__file__)
PYTHON
    )
    echo "   $((SECONDS - began)) s"
}

cd "$source"
try install .
try editable -e .
"$scratch/install/bin/pip" wheel --no-deps --wheel-dir "$scratch/dist" .
"$scratch/install/bin/pip" install 'maturin>=1.16,<2'
"$scratch/install/bin/maturin" sdist --out "$scratch/dist"
cd "$scratch"
rm -rf "$source"
try wheel dist/*.whl
try sdist dist/*.tar.gz

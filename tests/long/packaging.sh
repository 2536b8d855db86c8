#!/usr/bin/env bash
# The ways to install: `pip install .`, `pip install -e .`, a wheel away from the sources, and a source distribution.
# Each in a new virtual environment, from a copy of this clone's files; each must give the command, the engine and the
# DuckDB extension. Then the same without cargo on the path, and with uv: a pure wheel, which works. `ONLY=pure` leaves
# out what needs Rust, and takes two minutes. Builds with Cargo's dev profile (PROFILE=release for the one that users
# get) in this clone's target directory. About ten minutes the first time, four after that.
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

# The path without cargo.
bare=$scratch/bin
mkdir "$bare"
for tool in bash sh env python3 grep mkdir rm tail; do ln -s "$(command -v "$tool")" "$bare/$tool"; done

# works ENVIRONMENT BACKEND: the command and the library do what they should.
works() {
    mkdir -p "$1/elsewhere"
    (
        cd "$1/elsewhere"
        rm -rf data.lakebed
        [[ $(../bin/lakebed --version) == *"($2)"* ]]
        [[ $(../bin/lakebed ingest "$sample" --json | grep -o '"rows":[0-9]*') == '"rows":5306' ]]
        [[ $(../bin/lakebed query 'SELECT count(*) AS n, count(DISTINCT Section) AS s FROM packages') == '{"n":5306,"s":58}' ]]
    )
}

# pure NAME PIP-ARGUMENT...: installs into a new environment, without cargo, and uses what is there.
pure() {
    local name=$1 began=$SECONDS
    shift
    echo "-- $name"
    python3 -m venv "$scratch/$name"
    PIP_QUIET=0 PATH=$bare "$scratch/$name/bin/pip" -v install "$@" >"$scratch/$name/log" 2>&1 || { tail -30 "$scratch/$name/log"; exit 1; }
    if grep -Ei 'puccinialin|Collecting maturin' "$scratch/$name/log"; then
        echo "the build asked for Rust" >&2
        exit 1
    fi
    PATH=$bare works "$scratch/$name" python
    echo "   $((SECONDS - began)) s"
}

# try NAME PIP-ARGUMENT...: installs into a new environment and uses what is there.
try() {
    local name=$1 began=$SECONDS
    shift
    echo "-- $name"
    python3 -m venv "$scratch/$name"
    "$scratch/$name/bin/pip" install "$@"
    works "$scratch/$name" rust
    (
        cd "$scratch/$name/elsewhere"
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
pure pure-install .
grep -q 'without its engine in Rust' "$scratch/pure-install/log"
pure pure-editable -e .
(export LAKEBED_NO_RUST=1; python3 -m venv "$scratch/asked"; "$scratch/asked/bin/pip" install .; works "$scratch/asked" python)
"$scratch/asked/bin/pip" install build uv
# Without a network, where the dependencies are there.
PATH=$bare "$scratch/pure-install/bin/pip" install --no-index --no-deps --force-reinstall .
works "$scratch/pure-install" python
PATH=$bare "$scratch/asked/bin/python" -m build --sdist --outdir "$scratch/dist-pure" . >/dev/null
pure pure-sdist "$scratch"/dist-pure/*.tar.gz
echo "-- uv"
python3 -m venv "$scratch/uv"
PATH=$bare VIRTUAL_ENV=$scratch/uv "$scratch/asked/bin/uv" pip install --quiet .
PATH=$bare works "$scratch/uv" python
if [[ ${ONLY:-} == pure ]]; then
    cd "$scratch"
    rm -rf "$source"
    exit
fi

try install .
try editable -e .
"$scratch/install/bin/pip" wheel --no-deps --wheel-dir "$scratch/dist" .
"$scratch/asked/bin/python" -m build --sdist --outdir "$scratch/dist" . >/dev/null
cmp "$scratch"/dist/*.tar.gz "$scratch"/dist-pure/*.tar.gz
cd "$scratch"
rm -rf "$source"
try wheel dist/*.whl
try sdist dist/*.tar.gz

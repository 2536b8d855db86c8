# Everything happens inside this clone: Python packages in .venv, Rust builds in target/ (or $CARGO_TARGET_DIR when that
# is set). Needed beforehand: git, make, a C compiler, Python 3.11 or newer with its venv module, and a Rust toolchain.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/stamps
# The profile of the extension that tests use: the same as `cargo test`, so that dependencies are built once.
TEST_PROFILE ?= dev

# maturin builds one library of the wheel; DuckDB's extension is built before it, so that both share their dependencies.
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
LIBRARY = $(TARGET_DIR)/$(subst dev,debug,$(1))/liblakebed_duckdb.$(if $(filter Darwin,$(shell uname)),dylib,so)
# The program of bench/pages.
PAGES = $(TARGET_DIR)/$(subst dev,debug,$(1))/examples/pages

# Set only where rustup lacks the version of rust-toolchain.toml.
OTHER_RUST := $(shell scripts/rust-toolchain)
ifneq ($(OTHER_RUST),)
export RUSTUP_TOOLCHAIN := $(OTHER_RUST)
endif

RUST_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find engine -name fuzz -prune -o \( -name '*.rs' -o -name Cargo.toml \) -print)
PYTHON_CODE  := pyshell tests bench scripts scripts/shell-screens

# maturin and pip work in .venv, whatever environment is active.
unexport CONDA_PREFIX PYTHONHOME PYTHONPATH
export VIRTUAL_ENV := $(abspath $(VENV))
export PYO3_PYTHON := $(abspath $(BIN)/python)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests and the demo find the commands of .venv without activating it.
export PATH := $(abspath $(BIN)):$(PATH)

##@ Start here

.PHONY: help
help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP)/engine-release ## build everything, ingest the sample records, ask a few questions in SQL
	@scripts/demo

##@ Checks

.PHONY: test
test: lint test-rust test-python test-pure ## all checks and tests

.PHONY: lint
lint: lint-rooms lint-text lint-rust doc lint-python ## rooms, spelling, formatting, lints, types and documentation; needs no network

.PHONY: lint-rooms
lint-rooms: $(STAMP)/python
	$(BIN)/python -m scripts.rooms

.PHONY: lint-text
lint-text: $(STAMP)/python
	$(BIN)/typos
	$(BIN)/python -m scripts.prose

# Exit code 1 of scripts/rust-component: skipped, and said so. 2: a failure, in CI.
.PHONY: lint-rust
lint-rust: $(STAMP)/python
	@scripts/rust-component rustfmt fmt || exit $$(($$? - 1)); cargo fmt --all --check
	@scripts/rust-component clippy clippy || exit $$(($$? - 1)); \
	  cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: lint-python
lint-python: $(STAMP)/engine-test
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	$(BIN)/mypy
	$(BIN)/stubtest lakebed._engine --allowlist engine/python/stubtest-allowlist.txt --ignore-unused-allowlist

.PHONY: test-rust
test-rust: $(STAMP)/python ## Rust tests alone, and what they tried
	@mkdir -p build && rm -f build/figures.ndjson
	LAKEBED_FIGURES=$(CURDIR)/build/figures.ndjson cargo test --workspace --locked
	@# The fuzz targets compile; nothing is linked, so that no C++ compiler is needed.
	CUSTOM_LIBFUZZER_PATH=$(CURDIR)/build/none.a cargo check --quiet --locked --bins --manifest-path engine/fuzz/Cargo.toml --target-dir $(TARGET_DIR)/fuzz
	@$(BIN)/python -m scripts.figures build/figures.ndjson

.PHONY: test-python
test-python: $(STAMP)/engine-test ## Python tests alone: API, SQL, commands, documentation examples, each benchmark once
	$(BIN)/python -m bench.rivals --smoke
	cargo build --workspace --locked --profile $(TEST_PROFILE) --example pages
	$(BIN)/python -m bench.pages --smoke --program $(call PAGES,$(TEST_PROFILE))
	$(BIN)/python -m bench.backends --smoke
	$(BIN)/python -m bench.history smoke
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

.PHONY: test-pure
test-pure: $(STAMP)/python ## the pure wheel, built and used without cargo: the API tests, the demo, prompts
	@scripts/test-pure

.PHONY: test-long
test-long: $(STAMP)/engine-test ## soaks, kills, fuzzing, sanitizers, other versions (tests/long/README.md); HOURS=1 fuzzes for an hour
	@export HOURS="$(HOURS)"; for script in tests/long/*; do [[ ! -x $$script ]] || { echo "== $$script"; "$$script" || exit 1; }; done

.PHONY: trust
trust: $(STAMP)/engine-test ## what the tests tried and lost, in figures; HOURS=1: the long tests, WRITE=1: into docs/durability.md
	@HOURS="$(HOURS)" WRITE="$(WRITE)" scripts/trust

.PHONY: test-msrv
test-msrv: $(STAMP)/python ## build and test with the oldest Rust that Cargo.toml promises
	@tests/long/msrv.sh

.PHONY: audit
audit: $(STAMP)/python ## licences, sources and known vulnerabilities of all dependencies; parts without a network are named
	@scripts/audit

.PHONY: coverage
coverage: $(STAMP)/python ## lines that the tests run, Rust and Python: build/coverage
	@scripts/coverage

.PHONY: doc
doc: $(STAMP)/python ## the Rust documentation, without warnings: target/doc/lakebed_core/index.html
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items --locked

.PHONY: format
format: $(STAMP)/python ## rewrite sources in the project's format, and wrap long prose
	cargo fmt --all
	$(BIN)/python -m scripts.prose --fix
	$(BIN)/ruff check --fix-only --quiet $(PYTHON_CODE)
	$(BIN)/ruff format $(PYTHON_CODE)

##@ Measuring

.PHONY: bench-rivals
bench-rivals: $(STAMP)/engine-release $(STAMP)/rivals ## lakebed beside other stores; writes docs/benchmarks.md (bench/rivals/README.md)
	$(BIN)/python -m bench.rivals $(ARGS)

.PHONY: bench-pages
bench-pages: $(STAMP)/engine-release $(STAMP)/rivals ## gets and scans by frame size, advice and page size; writes docs/pages.md's tables
	@cargo build --workspace --locked --quiet --profile release --example pages
	$(BIN)/python -m bench.pages --program $(call PAGES,release) $(ARGS)

.PHONY: bench-backends
bench-backends: $(STAMP)/engine-release ## each operation, Rust against Python; writes the table in docs/backends.md: ARGS=FILE
	$(BIN)/python -m bench.backends $(ARGS)

.PHONY: bench-asv
bench-asv: $(STAMP)/python ## the history of main, commit by commit: ARGS=main~5..main, ARGS=--quick (docs/measuring.md)
	$(BIN)/python -m bench.history run $(ARGS)
	$(BIN)/python -m bench.history publish

.PHONY: bench-micro
bench-micro: $(STAMP)/engine-release ## single operations with pytest-benchmark: ARGS=--benchmark-save=NAME, ARGS=--benchmark-compare=NAME
	$(BIN)/python -m pytest bench/micro --benchmark-enable --benchmark-columns=median,iqr,rounds --benchmark-sort=name $(ARGS)

.PHONY: bench-instructions
bench-instructions: $(STAMP)/python ## instructions of the main kernels in two commits: BASE=main~1 NEW=main (else the working tree)
	@scripts/valgrind || exit 0; $(BIN)/python -m bench.instructions $(or $(BASE),HEAD) $(NEW) $(ARGS)

##@ Upkeep

.PHONY: fixture
fixture: $(STAMP)/engine-test ## keep a store as this engine writes it for the tests of later versions: VERSION=1.1
	$(BIN)/python -m tests.fixture tests/fixtures/store-$(VERSION)

.PHONY: build
build: $(STAMP)/engine-release ## the release engine, installed in .venv

.PHONY: setup
setup: $(STAMP)/python ## .venv with the pinned Python packages

.PHONY: lock
lock: $(STAMP)/python ## pin the newest Python packages that fit (for Cargo.lock: cargo update)
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv
	for name in requirements-dev bench/rivals/requirements; do \
	  $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade $$name.in -o $$name.lock; \
	done

.PHONY: clean
clean: ## remove .venv, the demo's store and what was built in this clone
	rm -rf $(VENV) demo.lakebed target pyshell/lakebed/_engine*.so pyshell/lakebed/*.duckdb_extension

# --- What the targets above
# need ----------------------------------------------------------------------------------------

$(STAMP)/python: requirements-dev.lock scripts/check-tools
	@PYTHON="$(PYTHON)" scripts/check-tools
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing the pinned Python packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/rivals: bench/rivals/requirements.lock $(STAMP)/python
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r bench/rivals/requirements.lock
	@touch $@

# One build of the engine is installed at a time: each target removes the other's stamp.
$(STAMP)/engine-release: $(RUST_SOURCES) $(STAMP)/python
	@echo "Building the release engine (some minutes the first time) ..."
	@rm -f $(STAMP)/engine-test
	@cargo build --locked --quiet --package lakebed-duckdb --profile release
	@LAKEBED_DUCKDB_LIBRARY=$(call LIBRARY,release) $(BIN)/maturin develop --locked --quiet --profile release
	@touch $@

$(STAMP)/engine-test: $(RUST_SOURCES) $(STAMP)/python
	@rm -f $(STAMP)/engine-release
	@cargo build --locked --package lakebed-duckdb --package lakebed-python --profile $(TEST_PROFILE)
	@LAKEBED_DUCKDB_LIBRARY=$(call LIBRARY,$(TEST_PROFILE)) $(BIN)/maturin develop --locked --profile $(TEST_PROFILE)
	@touch $@

# Everything is run from here. `make help` lists the targets; `make test` and `make demo` set up what they need.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
CARGO_MANIFEST := ofs/core/Cargo.toml
CORE := ofs/_core.abi3.so
CORE_SOURCES := $(CARGO_MANIFEST) ofs/core/Cargo.lock $(shell find ofs/core/src ofs/core/librdkafka -type f 2>/dev/null)
RUST_MINOR := 88
PIP_QUIET := --quiet --disable-pip-version-check --no-input
PYTEST_ARGS ?=
# processes that run tests side by side, 0 for none: of three, one mostly waits for Kafka while two compute
WORKERS ?= 3
PYTEST := $(PY) -m pytest --numprocesses $(WORKERS)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

# --- set-up -----------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.source core ## make .venv from the pinned versions and build the native core
	@$(PY) -m compileall -q ofs topologies # as pip would: where Python is told to write no bytecode, each start would compile

$(VENV)/.pins: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "setup: needs Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "setup: Python has no venv module (on Debian, as root: apt-get install python3-venv)" >&2; exit 1; }
	@echo "setup: installing the pinned versions into $(VENV)" >&2
	@$(PY) -m pip install $(PIP_QUIET) --require-hashes -r requirements-dev.txt
	@touch $@

# the package is used from the source tree, with or without a native core: a path file and the command
$(VENV)/.source: $(VENV)/.pins
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "ofs-source.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@printf '#!%s\nimport sys\n\nfrom ofs.cli.main import main\n\nsys.exit(main())\n' "$(CURDIR)/$(PY)" > $(BIN)/ofs
	@chmod +x $(BIN)/ofs
	@touch $@

.PHONY: core
core: $(VENV)/.pins
	@if cargo --version 2>/dev/null | awk '{split($$2, v, "."); exit !(v[1] > 1 || v[2] >= $(RUST_MINOR))}'; then \
	  $(MAKE) --silent $(CORE); \
	else echo "setup: no native core, so the slow reference engine runs: install Rust 1.$(RUST_MINOR) or newer (cargo), then 'make setup' again" >&2; fi

$(CORE): $(CORE_SOURCES)
	@echo "setup: building the native core" >&2
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release --locked --skip-install
	@touch $@

.PHONY: pins
pins: ## resolve the pinned versions anew (requirements.txt, requirements-dev.txt, tests/bench/requirements.txt)
	@$(PYTHON) -m venv build/uv && build/uv/bin/pip install $(PIP_QUIET) uv
	@compile() { build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
	  --no-annotate --custom-compile-command "make pins" "$$@"; }; \
	compile --all-extras --group dev -o requirements-dev.txt pyproject.toml; \
	compile --extra demo -c requirements-dev.txt -o requirements.txt pyproject.toml; \
	compile --group pyproject.toml:bench -o tests/bench/requirements.txt

# --- the job ----------------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## replay and prove every decision of 336,776 real flights
	@$(BIN)/ofs demo

# --- tests ------------------------------------------------------------------------------------------------------

.PHONY: test
test: setup kafka-ready ## all tests, on a real Kafka among them (WORKERS=n side by side, 3; 0: in one process)
	@OFS_KAFKA_IMAGE=$$(cat build/kafka-image 2>/dev/null) $(PYTEST) $(PYTEST_ARGS)

.PHONY: test-fast
test-fast: setup ## all tests but the slow ones and those on Kafka
	@$(PYTEST) -m "not kafka and not slow" $(PYTEST_ARGS)

.PHONY: test-kafka
test-kafka: setup kafka-image ## the tests on a real Kafka, none skipped
	@OFS_REQUIRE_KAFKA=1 OFS_KAFKA_IMAGE=$$(cat build/kafka-image) $(PYTEST) tests/integration $(PYTEST_ARGS)

.PHONY: kill-deep
kill-deep: setup kafka-image ## 300 runs killed at drawn moments (KILLS=n, SEED=n), on a real Kafka
	@OFS_REQUIRE_KAFKA=1 OFS_KILLS=$${KILLS:-300} OFS_KILL_SEED=$${SEED:-2} OFS_KAFKA_IMAGE=$$(cat build/kafka-image) \
	  $(PY) -m pytest -s tests/integration/test_kafka_exactly_once.py -k killed $(PYTEST_ARGS)

.PHONY: simulate
simulate: setup ## one seed of the simulation, and what happened in it (SEED=…)
	@$(PY) -m tests.simulation --seed $(or $(SEED),0)

.PHONY: simulate-deep
simulate-deep: setup ## as many seeds of the simulation as fit (MINUTES=…, from SEED=…)
	@$(PY) -m tests.simulation --seed $(or $(SEED),0) --minutes $(or $(MINUTES),10)

.PHONY: coverage
coverage: setup ## the fast tests, with the lines and branches that they do not reach
	@$(PY) -m pytest -m "not kafka and not slow" --cov --cov-report=term-missing $(PYTEST_ARGS)

.PHONY: kafka-image
kafka-image: ## make a Kafka image ready: the public one, or a local one where no registry is reached
	@mkdir -p build
	@deploy/kafka/image.sh > build/kafka-image.new && mv build/kafka-image.new build/kafka-image
	@echo "kafka-image: $$(cat build/kafka-image)" >&2

# `make test` also runs where no image can be had: its Kafka tests then say so and are skipped
.PHONY: kafka-ready
kafka-ready:
	@mkdir -p build
	@if [ -n "$${OFS_TEST_BOOTSTRAP:-}" ] || ! deploy/kafka/image.sh > build/kafka-image; then rm -f build/kafka-image; fi

FUZZ_SEED ?= 0
FUZZ_INPUTS ?= 1000000
FUZZ_SECONDS ?= 120

.PHONY: fuzz
fuzz: setup ## fuzz core against semantics, shortly: records, decisions, definitions, command lines
	@$(PY) -m tests.fuzz.run --inputs 40000 --seed $(FUZZ_SEED)

.PHONY: fuzz-deep
fuzz-deep: setup ## the same for FUZZ_INPUTS (1,000,000); where cargo-fuzz is installed, by coverage first
	@if cargo +nightly fuzz --version >/dev/null 2>&1; then \
	  $(PY) -m tests.fuzz.write_corpus build/fuzz-corpus; \
	  for target in record decisions definition; do \
	    (cd ofs/core && cargo +nightly fuzz run $$target $(CURDIR)/build/fuzz-corpus/$$target -- \
	      -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0); \
	  done; \
	else echo "fuzz-deep: no cargo-fuzz with a nightly toolchain, so the core is not fuzzed by coverage" >&2; fi
	@$(PY) -m tests.fuzz.run --inputs $(FUZZ_INPUTS) --seed $(FUZZ_SEED) \
	  $$(test -d build/fuzz-corpus && echo --corpus build/fuzz-corpus)

# --- speed ------------------------------------------------------------------------------------------------------

BENCH_VENV := build/bench/venv

.PHONY: bench
bench: setup $(BENCH_VENV)/.pins ## measure OFS and its peers, write docs/performance.md (PART="per-event …", ARGS=--again)
	@$(PY) -m tests.bench $(PART) $(ARGS)

.PHONY: bench-quick
bench-quick: setup ## OFS alone on 200,000 events, under 3 minutes (ARGS=--profile says where the time goes)
	@$(PY) -m tests.bench --quick --runs 2 $(ARGS)

$(BENCH_VENV)/.pins: tests/bench/requirements.txt
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install $(PIP_QUIET) --require-hashes -r tests/bench/requirements.txt
	@touch $@

# --- checks -----------------------------------------------------------------------------------------------------

.PHONY: check
check: lint types arch core-test contracts-check verify-vectors ## all checks but the tests

.PHONY: lint
lint: setup ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: fmt
fmt: setup ## format Python and Rust, mend what ruff can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@cargo fmt --all --manifest-path $(CARGO_MANIFEST)

.PHONY: types
types: setup ## mypy, strict
	@$(BIN)/mypy

.PHONY: arch
arch: setup ## import-linter: who may import whom
	@$(BIN)/lint-imports

.PHONY: core-test
core-test: ## the native core: format, clippy without a warning, its own tests
	@cargo fmt --all --manifest-path $(CARGO_MANIFEST) --check
	@cargo clippy --quiet --locked --manifest-path $(CARGO_MANIFEST) --workspace --all-targets -- -D warnings
	@cargo test --quiet --locked --manifest-path $(CARGO_MANIFEST) --workspace --no-default-features

.PHONY: contracts-check
contracts-check: setup ## the schema and the golden vectors are what the code generates
	@$(BIN)/ofs contracts export --check

.PHONY: verify-vectors
verify-vectors: ## another language (Node) recomputes every golden vector
	@node contracts/verify.mjs

.PHONY: docs-check
docs-check: setup ## every command of README and docs runs; links and titles hold
	@$(PY) -m pytest tests/docs tests/tidy $(PYTEST_ARGS)

# --- the wheel --------------------------------------------------------------------------------------------------

.PHONY: wheel
wheel: $(VENV)/.pins ## build the wheel into dist/
	@rm -rf dist
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin build --quiet --release --locked --out dist
	@ls dist/*.whl

.PHONY: test-wheel
test-wheel: wheel ## the tests on the installed wheel, with the source tree out of the way
	@WORKERS=$(WORKERS) .ci/test-wheel

# --- all of it --------------------------------------------------------------------------------------------------

.PHONY: ci
ci: ## what CI runs, from nothing
	@.ci/run

.PHONY: clean
clean: ## remove what was built, and .venv
	@rm -rf $(VENV) $(CORE) build dist ofs/core/target .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

